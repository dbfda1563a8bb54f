//! Runs every scenario in every interleaving.

use polyextism_loom::scenarios::SCENARIOS;

#[test]
fn every_scenario_holds_in_every_interleaving() {
    for (name, scenario) in SCENARIOS {
        let outcome = std::panic::catch_unwind(|| loom::model(scenario));
        assert!(outcome.is_ok(), "{name}");
    }
}
