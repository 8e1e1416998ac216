//! Countries: Epicor writes their names, a shop wants two letters.

/// Code and English names, the usual one first. Source: ISO 3166-1.
const COUNTRIES: &str = "AD Andorra|AE United Arab Emirates,UAE|AF Afghanistan|AG Antigua and Barbuda|AI Anguilla|AL Albania|AM Armenia|AO Angola|\
AR Argentina|AS American Samoa|AT Austria,Österreich|AU Australia|AW Aruba|AX Åland Islands|AZ Azerbaijan|BA Bosnia and Herzegovina|BB Barbados|\
BD Bangladesh|BE Belgium,België,Belgique|BF Burkina Faso|BG Bulgaria|BH Bahrain|BI Burundi|BJ Benin|BM Bermuda|BN Brunei Darussalam,Brunei|\
BO Bolivia|BR Brazil,Brasil|BS Bahamas|BT Bhutan|BW Botswana|BY Belarus|BZ Belize|CA Canada|CD Democratic Republic of the Congo|\
CF Central African Republic|CG Congo|CH Switzerland,Schweiz,Suisse|CI Côte d'Ivoire,Ivory Coast|CL Chile|CM Cameroon|\
CN China,People's Republic of China,PRC|CO Colombia|CR Costa Rica|CU Cuba|CV Cabo Verde,Cape Verde|CW Curaçao|CY Cyprus|\
CZ Czechia,Czech Republic|DE Germany,Deutschland|DJ Djibouti|DK Denmark,Danmark|DM Dominica|DO Dominican Republic|DZ Algeria|EC Ecuador|EE Estonia|\
EG Egypt|ER Eritrea|ES Spain,España|ET Ethiopia|FI Finland,Suomi|FJ Fiji|FK Falkland Islands|FO Faroe Islands|FR France|GA Gabon|\
GB United Kingdom,UK,Great Britain,England,Scotland,Wales,Northern Ireland|GD Grenada|GE Georgia|GF French Guiana|GG Guernsey|GH Ghana|\
GI Gibraltar|GL Greenland|GM Gambia|GN Guinea|GP Guadeloupe|GQ Equatorial Guinea|GR Greece|GT Guatemala|GU Guam|GW Guinea-Bissau|GY Guyana|\
HK Hong Kong|HN Honduras|HR Croatia,Hrvatska|HT Haiti|HU Hungary|ID Indonesia|IE Ireland,Éire|IL Israel|IM Isle of Man|IN India|IQ Iraq|IR Iran|\
IS Iceland|IT Italy,Italia|JE Jersey|JM Jamaica|JO Jordan|JP Japan|KE Kenya|KG Kyrgyzstan|KH Cambodia|KI Kiribati|KM Comoros|\
KN Saint Kitts and Nevis|KP North Korea|KR South Korea,Korea,Republic of Korea|KW Kuwait|KY Cayman Islands|KZ Kazakhstan|LA Laos|LB Lebanon|\
LC Saint Lucia|LI Liechtenstein|LK Sri Lanka|LR Liberia|LS Lesotho|LT Lithuania|LU Luxembourg|LV Latvia|LY Libya|MA Morocco|MC Monaco|MD Moldova|\
ME Montenegro|MG Madagascar|MH Marshall Islands|MK North Macedonia|ML Mali|MM Myanmar|MN Mongolia|MO Macao,Macau|MP Northern Mariana Islands|\
MQ Martinique|MR Mauritania|MS Montserrat|MT Malta|MU Mauritius|MV Maldives|MW Malawi|MX Mexico,México|MY Malaysia|MZ Mozambique|NA Namibia|\
NC New Caledonia|NE Niger|NG Nigeria|NI Nicaragua|NL Netherlands,The Netherlands,Holland,Nederland|NO Norway,Norge|NP Nepal|NR Nauru|\
NZ New Zealand|OM Oman|PA Panama|PE Peru|PF French Polynesia|PG Papua New Guinea|PH Philippines|PK Pakistan|PL Poland,Polska|PR Puerto Rico|\
PS Palestine|PT Portugal|PW Palau|PY Paraguay|QA Qatar|RE Réunion|RO Romania|RS Serbia|RU Russia,Russian Federation|RW Rwanda|SA Saudi Arabia|\
SB Solomon Islands|SC Seychelles|SD Sudan|SE Sweden,Sverige|SG Singapore|SI Slovenia|SK Slovakia|SL Sierra Leone|SM San Marino|SN Senegal|\
SO Somalia|SR Suriname|SS South Sudan|ST São Tomé and Príncipe|SV El Salvador|SX Sint Maarten|SY Syria|SZ Eswatini|TC Turks and Caicos Islands|\
TD Chad|TG Togo|TH Thailand|TJ Tajikistan|TL Timor-Leste|TM Turkmenistan|TN Tunisia|TO Tonga|TR Turkey,Türkiye|TT Trinidad and Tobago|TV Tuvalu|\
TW Taiwan|TZ Tanzania|UA Ukraine|UG Uganda|US United States,USA,United States of America,U.S.A.,U.S.|UY Uruguay|UZ Uzbekistan|\
VA Vatican City|VC Saint Vincent and the Grenadines|VE Venezuela|VG British Virgin Islands|VI U.S. Virgin Islands|VN Vietnam,Viet Nam|VU Vanuatu|\
WS Samoa|YE Yemen|YT Mayotte|ZA South Africa|ZM Zambia|ZW Zimbabwe";

/// The two letters of a country by its name or by the letters themselves; `None` for anything else, since a guess would be a wrong address.
pub(crate) fn country_code(typed: &str) -> Option<&'static str> {
    let typed = typed.trim();
    COUNTRIES.split('|').find_map(|entry| {
        let (code, names) = entry.split_once(' ')?;
        let is_it = code.eq_ignore_ascii_case(typed)
            || names.split(',').any(|name| name.to_lowercase() == typed.to_lowercase());
        is_it.then_some(code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_are_known_in_any_case_and_nothing_is_guessed() {
        assert_eq!(country_code(" united states "), Some("US"));
        assert_eq!(country_code("USA"), Some("US"));
        assert_eq!(country_code("de"), Some("DE"));
        assert_eq!(country_code("ÖSTERREICH"), Some("AT"));
        assert_eq!(country_code(""), None);
        assert_eq!(country_code("Atlantis"), None);
    }

    #[test]
    fn every_entry_has_two_letters_and_a_name() {
        for entry in COUNTRIES.split('|') {
            let (code, names) = entry.split_once(' ').unwrap_or_default();
            assert!(code.len() == 2 && code.chars().all(|c| c.is_ascii_uppercase()) && !names.is_empty(), "{entry}");
        }
    }
}
