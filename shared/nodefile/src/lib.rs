//! Files with nodes, as an import takes them: tables as spreadsheets and databases write them, and lines of JSON.
//!
//! [`Rows`] reads a file in bounded memory. Each record is a node, or says with its column what is wrong with it.

mod beside;
mod columns;
mod records;
mod rows;

pub use beside::Beside;
pub use columns::NAMES;
pub use records::Record;
pub use rows::{Bad, Ids, Row, Rows, Unreadable};
