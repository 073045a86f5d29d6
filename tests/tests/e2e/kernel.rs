//! How this kernel verifies the programs, and what it lacks. Values that differ between kernels are printed
//! as `NOTE NAME: VALUE`, which `cargo xtask kernels` compares.

use std::collections::BTreeMap;

use tcpreuse::testing::{
    filter::{Cgroup, Filter},
    kernel::{settings::Settings, tracer::Tracer},
};
use tcpreuse_tests::{need_root, program::run};
use tracer_ebpf::hooks::{HOOKS, REFUSE};

/// Budgets for the instructions that the verifier processes per program. The kernel's own limit is a million;
/// a budget makes growth visible. Each is a quarter above the highest figure of the kernels tested.
const BUDGETS: &[(&str, u32)] = &[
    // The first FIN tells idle time without goodbyes, one's own and those that nobody has read among them, and
    // who has ended the connection.
    ("tcpreuse_state", 126_000),
    // Looks among neighbouring places, and settles what an end that was missed leaves unknown.
    ("tcpreuse_end", 36_000),
    // Most of it finds a connection whose place was taken.
    ("tcpreuse_reset", 170),
    // Holds and pauses are told at each of its ends. The commonest reads of both ends are told in the program
    // itself, which spares them a call. What is rare is in functions of its own, so that the common ways are
    // short; the verifier checks those for any arguments. A login to PostgreSQL is followed within TLS too, and
    // who says goodbye first.
    ("tcpreuse_read", 128_000),
    ("tcpreuse_refuse", 5_000),
    // What looks after the others comes to the same.
    ("tcpreuse_state2", 127_000),
    ("tcpreuse_state3", 127_000),
    ("tcpreuse_end2", 36_000),
    ("tcpreuse_reset2", 170),
    ("tcpreuse_read2", 128_000),
    // The first FIN settles the last hold, and seeding has two such ends.
    ("tcpreuse_seed", 32_000),
    ("tcpreuse_list", 24_000),
];

/// Enables everything, because the verifier prunes what the settings disable.
fn everything() -> Settings {
    Settings {
        filter: Filter {
            ports: vec![80, 443],
            include: vec!["10.0.0.0/8".parse().unwrap()],
            exclude: vec!["10.1.0.0/16".parse().unwrap()],
            netns: Some(1),
            cgroup: Some(Cgroup { id: 1, level: None }),
            prefix4: 24,
            prefix6: 64,
            ..Filter::default()
        },
        records: Some(4096),
        ..Settings::default()
    }
}

#[test]
fn the_verifier_has_to_look_at_few_instructions() {
    need_root!();
    let mut most: BTreeMap<String, u32> = BTreeMap::new();
    let exchanging = Settings {
        stores_in_order: false,
        ..everything()
    };
    let further = Settings {
        further: true,
        ..everything()
    };
    let is_further = |name: &str| HOOKS.iter().any(|hook| hook.further.contains(&name));
    for settings in [Settings::default(), everything(), exchanging, further] {
        let tracer = Tracer::start(&settings).unwrap();
        for (name, program) in tracer.programs() {
            // Some kernels have no use for these.
            let Ok(info) = program.info() else {
                assert!(
                    name == REFUSE.program || is_further(name),
                    "any kernel needs {name}"
                );
                continue;
            };
            // Reported since 5.16.
            let count = info.verified_instruction_count().unwrap();
            let most = most.entry(name.to_owned()).or_default();
            *most = count.max(*most);
        }
    }
    for (name, count) in &most {
        println!("NOTE instructions verified, {name}: {count}");
    }
    let first = most.iter().filter(|(name, _)| !is_further(name));
    println!(
        "NOTE instructions verified, all: {}",
        first.map(|(_, count)| count).sum::<u32>()
    );
    let names: Vec<&str> = most.keys().map(String::as_str).collect();
    let mut budgeted: Vec<&str> = BUDGETS.iter().map(|(name, _)| *name).collect();
    budgeted.sort_unstable();
    budgeted.retain(|name| *name != REFUSE.program || most.contains_key(*name));
    assert_eq!(names, budgeted);
    for (name, budget) in BUDGETS {
        let count = most.get(*name).copied().unwrap_or(0);
        assert!(count <= *budget, "{name}: {count} instructions, {budget} allowed");
    }
}

#[test]
fn doctor_says_what_is_lost() {
    need_root!();
    let output = run(&["doctor"]);
    let said = String::from_utf8_lossy(&output.stdout);
    let lost: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("degraded  "))
        .collect();
    let lost = if lost.is_empty() {
        "nothing".to_owned()
    } else {
        lost.join("; ")
    };
    println!("NOTE doctor, lost: {lost}");
    assert!(
        output.status.success() && said.contains("ok        trial: programs load and attach"),
        "{said}"
    );
}
