//! Do totals add up? The statements behind `traf-collector verify`: each finds what does not.

use traf_model::facility::COUNTED;
use traf_model::{Class, Counted};

use super::Store;
use super::columns::sum_of;
use crate::store::{Finding, StoreError};

const CHECKS: &str = include_str!("verify.sql");

/// The check of a counted facility: its rows and `other` are the packets of the classes that it covers, each way if a packet
/// counts at both of its ends. A sensor of before the facility has no rows of it, nor has a link without MAC addresses.
fn check_of(facility: Counted, check: &str) -> String {
    let classes = (0..Class::COUNT).filter_map(Class::at).filter(|class| (facility.covers)(*class));
    let classes: Vec<String> = classes.map(|class| class.index().to_string()).collect();
    let wrong = if facility.both_ends { "i + o > 0 and (p <> i or p <> o)" } else { "i + o > 0 and p <> i + o" };
    let check = check.replace("{name}", facility.name).replace("{number}", &facility.number.to_string());
    check.replace("{classes}", &classes.join(", ")).replace("{wrong}", wrong)
}

impl Store {
    /// Runs the checks of [`crate::verify`]: a name, and how many rows were looked at and were wrong.
    pub async fn verify(&self) -> Result<Vec<Finding>, StoreError> {
        let mut checks = CHECKS.split("--- ");
        let common = checks.next().unwrap_or_default();
        let checks = checks.flat_map(|check| match check.contains("{name}") {
            true => COUNTED.map(|facility| check_of(facility, check)).to_vec(),
            false => vec![check.to_owned()],
        });
        // One transaction: all checks look at the same moment, while the collector may go on writing.
        let mut transaction = self.readers.begin().await?;
        let mut findings = Vec::new();
        for check in checks {
            let (title, sql) = check.split_once('\n').unwrap_or_default();
            let (invariant, claim) = title.split_once(": ").unwrap_or_default();
            let (invariant, claim) = (invariant.to_owned(), claim.to_owned());
            let columns = ["in_packets", "in_octets", "out_packets", "out_octets"];
            let sums = |sql: String, column: &str| sql.replace(&format!("{{{column}}}"), &sum_of(column));
            let sql = sqlx::AssertSqlSafe(columns.into_iter().fold(format!("{common}{sql}"), sums));
            let (rows, wrong, example) = sqlx::query_as(sql).fetch_one(&mut *transaction).await?;
            findings.push(Finding { invariant, claim, rows, wrong, example });
        }
        Ok(findings)
    }
}
