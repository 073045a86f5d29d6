//! The cost of tcpreuse, compared with other tools on the same machine at the same time.
//!
//! `overhead` measures tracing itself with each of the subjects in `subject`. `scale` measures what grows
//! with the number of peers, sockets and rows. `report` holds all results, `budget` judges them, and `tables`
//! and `json` print them.

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
