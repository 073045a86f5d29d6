//! The cost of tcpreuse, compared with other tools on the same machine at the same time.
//!
//! `overhead` measures state changes with each of the subjects in `subject`, `crowd` those beside many held
//! connections, and `reads` measures reads. `served` is a real server, `agent` the door of `serve`. `scale`
//! measures what grows with the number of peers, sockets and rows. `report` holds all results, `budget`
//! judges them, and `tables` and `json` print them.

pub mod agent;
pub mod budget;
pub mod churn;
pub mod crowd;
pub mod holder;
pub mod json;
pub mod line;
pub mod machine;
pub mod math;
pub mod overhead;
pub mod parts;
pub mod process;
pub mod reads;
pub mod report;
pub mod scale;
pub mod served;
pub mod spent;
pub mod subject;
pub mod table;
pub mod tables;
