//! A comparison that is saved, to be done later exactly as it is.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::compare::Step;
use crate::problem::Problem;

/// The version of the format.
const VERSION: u32 = 1;

/// What is to be done.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    #[serde(rename = "rollcall_plan")]
    version: u32,
    /// The file and the console that were compared, for people.
    file: String,
    console: String,
    /// What stands for the stack.
    pub(super) stack: String,
    pub(super) steps: Vec<Step>,
}

impl Plan {
    pub(super) fn new(file: &Path, console: &str, stack: String, steps: Vec<Step>) -> Self {
        let (file, console) = (file.display().to_string(), console.to_owned());
        Self { version: VERSION, file, console, stack, steps }
    }

    /// The text of its file.
    ///
    /// # Errors
    /// If it can't be written as JSON.
    pub(super) fn written(&self) -> Result<Vec<u8>, Problem> {
        serde_json::to_vec(self).map_err(|error| Problem::plain(&error))
    }

    /// The plan in a file.
    ///
    /// # Errors
    /// If it can't be read, or is no plan.
    pub(super) fn read(file: &Path) -> Result<Self, Problem> {
        let text = std::fs::read(file).map_err(|error| Problem::misuse(format!("{}: {error}", file.display())))?;
        let plan: Result<Self, _> = serde_json::from_slice(&text);
        match plan {
            Ok(plan) if plan.version == VERSION => Ok(plan),
            Ok(plan) => Err(Problem::misuse(format!(
                "{} is a plan of format {}, and this command knows {VERSION}: make it anew",
                file.display(),
                plan.version
            ))),
            Err(error) => {
                Err(Problem::misuse(format!("{} is no plan of `rollcall reconcile --out`: {error}", file.display())))
            }
        }
    }

    /// What it is about.
    pub(super) fn about(&self) -> String {
        format!("{} compared with {}", self.file, self.console)
    }
}
