//! What tcpreuse costs, beside what others cost on the same machine in the same minutes.
//!
//! `overhead` is about tracing itself, by the subjects in `subject`; `scale` about what grows with peers,
//! sockets and rows. `report` has all results, `budget` judges them, `tables` and `json` show them.

pub mod budget;
pub mod churn;
pub mod holder;
pub mod json;
pub mod machine;
pub mod math;
pub mod overhead;
pub mod parts;
pub mod process;
pub mod report;
pub mod scale;
pub mod spent;
pub mod subject;
pub mod table;
pub mod tables;
