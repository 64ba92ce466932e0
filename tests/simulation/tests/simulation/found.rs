//! Histories in which the simulation once found a fault. It is mended, and every promise holds in them.

use std::fs;
use std::path::Path;

use rollcall_fleet::Plan;
use rollcall_simulation::run;

#[test]
fn what_was_found_once_is_well() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulation/found");
    let mut plans = 0;
    for file in fs::read_dir(&folder).expect("the folder of the plans") {
        let path = file.expect("a plan").path();
        let plan = Plan::from_json(&fs::read_to_string(&path).expect("the plan's text")).expect("a plan");
        let outcome = run(&plan).expect("a world");
        assert!(outcome.violations.is_empty(), "{}: {}", path.display(), outcome.violations[0]);
        plans += 1;
    }
    assert!(plans > 0, "there are no plans in {}", folder.display());
}
