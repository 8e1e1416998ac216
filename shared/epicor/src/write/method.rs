//! The methods this room may call: a closed list, with Epicor's irregular names.
//!
//! Source: Epicor reference, sections 6.1 to 6.3; signatures of `bo-operations.json`.

/// What a call does to the server's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing, by GET.
    Read,
    /// Nothing yet: it fills a dataset that somebody has to save.
    Draft,
    /// It saves.
    Save,
}

/// One method of one service.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Method {
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
    /// Its label in faults and metrics.
    pub(crate) operation: &'static str,
    pub(crate) effect: Effect,
}

macro_rules! methods {
    ($($constant:ident = $service:literal $name:literal $operation:literal $effect:ident;)*) => {
        $(pub(crate) const $constant: Method =
            Method { service: $service, name: $name, operation: $operation, effect: Effect::$effect };)*

        /// All of them.
        #[cfg(test)]
        pub(crate) const ALL: &[&Method] = &[$(&$constant),*];
    };
}

methods! {
    REQ_GET = "Erp.BO.ReqSvc" "GetByID" "requisitions.get" Read;
    REQ_NEW_HEAD = "Erp.BO.ReqSvc" "GetNewReqHead" "requisitions.new_head" Draft;
    REQ_NEW_DETAIL = "Erp.BO.ReqSvc" "GetNewReqDetail" "requisitions.new_line" Draft;
    REQ_UPDATE = "Erp.BO.ReqSvc" "Update" "requisitions.update" Save;
    VENDOR_GET = "Erp.BO.VendorSvc" "GetByID" "vendors.get" Read;
    VENDOR_CHANGE_COUNTRY = "Erp.BO.VendorSvc" "ChangeVendCountry" "vendors.change_country" Draft;
    VENDOR_UPDATE = "Erp.BO.VendorSvc" "Update" "vendors.update" Save;
    GROUP_GET = "Erp.BO.APInvGrpSvc" "GetByID" "ap_groups.get" Read;
    GROUP_NEW = "Erp.BO.APInvGrpSvc" "GetNewAPInvGrp" "ap_groups.new" Draft;
    GROUP_UPDATE = "Erp.BO.APInvGrpSvc" "Update" "ap_groups.update" Save;
    GROUP_UNLOCK = "Erp.BO.APInvGrpSvc" "UnlockGroup" "ap_groups.unlock" Save;
    AP_GET = "Erp.BO.APInvoiceSvc" "GetByID" "ap_invoices.get" Read;
    AP_NEW_HEAD = "Erp.BO.APInvoiceSvc" "GetNewAPInvHedInvoice" "ap_invoices.new_head" Draft;
    AP_CHANGE_ORDER = "Erp.BO.APInvoiceSvc" "ChangeRefPONum" "ap_invoices.change_order" Draft;
    AP_CHANGE_VENDOR = "Erp.BO.APInvoiceSvc" "ChangeVendorID" "ap_invoices.change_vendor" Draft;
    AP_CHANGE_DATE = "Erp.BO.APInvoiceSvc" "ChangeInvoiceDateEx" "ap_invoices.change_date" Draft;
    AP_CHANGE_TOTAL = "Erp.BO.APInvoiceSvc" "ChangeInvoiceVendorAmt" "ap_invoices.change_total" Draft;
    AP_NEW_ORDER_LINE = "Erp.BO.APInvoiceSvc" "GetNewAPInvDtlUnreceived" "ap_invoices.new_order_line" Draft;
    AP_NEW_OTHER_LINE = "Erp.BO.APInvoiceSvc" "GetNewAPInvDtlMiscellaneous" "ap_invoices.new_other_line" Draft;
    AP_LINE_ORDER = "Erp.BO.APInvoiceSvc" "ChangePONum" "ap_invoices.line_order" Draft;
    AP_LINE_ORDER_LINE = "Erp.BO.APInvoiceSvc" "ChangePOLine" "ap_invoices.line_order_line" Draft;
    AP_LINE_RELEASE = "Erp.BO.APInvoiceSvc" "ChangePORelNum" "ap_invoices.line_release" Draft;
    AP_LINE_PART = "Erp.BO.APInvoiceSvc" "ChangePartNum" "ap_invoices.line_part" Draft;
    AP_LINE_QUANTITY = "Erp.BO.APInvoiceSvc" "ChangeVendorQty" "ap_invoices.line_quantity" Draft;
    AP_LINE_AMOUNT = "Erp.BO.APInvoiceSvc" "ChangeExtCost" "ap_invoices.line_amount" Draft;
    AP_UPDATE_MASTER = "Erp.BO.APInvoiceSvc" "UpdateMaster" "ap_invoices.update_master" Save;
}

impl Method {
    /// Path below the company: a method, never an entity set.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.service, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_to_the_set_of_expense_accounts() {
        for method in ALL {
            let name = method.name;
            assert!(!method.path().contains("TGLC"), "{name}");
            let known = ["GetByID", "GetNew", "Change", "Update", "UnlockGroup"];
            assert!(known.iter().any(|start| name.starts_with(start)), "{name} is no method but an entity set");
        }
    }

    #[test]
    fn only_ap_invoices_are_saved_through_update_master() {
        for method in ALL.iter().filter(|method| method.effect == Effect::Save && method.name.starts_with("Update")) {
            assert_eq!(method.name == "UpdateMaster", method.service == "Erp.BO.APInvoiceSvc", "{}", method.service);
        }
    }
}
