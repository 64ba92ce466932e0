//! A stack that is deployed somewhere, if the environment names one.

use crate::run::say;
use crate::runner::{self, Report};

/// What every deployment does, on the one that the environment names.
pub(crate) fn check() -> Result<Report, String> {
    #[expect(clippy::disallowed_methods, reason = "this is an edge")]
    let named = std::env::var_os("ROLLCALL_CLOUD_URL").is_some();
    if named {
        return runner::everywhere(&[]);
    }
    let skipped = runner::count_everywhere()?;
    say(&format!(
        "skipped: {skipped} tests. ROLLCALL_CLOUD_URL is not set; with it, ROLLCALL_CLOUD_KEY (the file of the key that \
         signs tokens), AWS_REGION and credentials, they run on a deployed stack"
    ));
    Ok(Report { skipped, ..Report::default() })
}
