//! The receiver of events in Ruby, if the machine has Rails.

use std::process::{Command, Stdio};

use crate::run::say;
use crate::runner::{self, Report};

/// What `tests/receivers/rails.rb` requires.
const REQUIRES: &str = "%w[action_controller/railtie active_record/railtie sqlite3 webrick].each { require _1 }";
/// The packages of Debian that have it.
const PACKAGES: &str = "ruby-railties ruby-activerecord ruby-sqlite3 ruby-webrick";

/// The receiver of `docs/webhooks.md`, as it stands there.
pub(crate) fn check() -> Result<Report, String> {
    let mut ruby = Command::new("ruby");
    let asked = ruby.args(["-e", REQUIRES]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if asked.is_ok_and(|status| status.success()) {
        return runner::rails();
    }
    say(&format!("skipped: 1 test. This machine has no Rails with SQLite and WEBrick: apt install {PACKAGES}"));
    Ok(Report { skipped: 1, ..Report::default() })
}
