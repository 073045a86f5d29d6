//! The command line, one word per line of input, and the filters that it results in.

use std::ffi::OsString;

use tcpreuse::testing::{
    cli::{Command, Refused, Trace, parse},
    filter::Filter,
};

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    // Looking up a cgroup would touch the file system, which is out of scope here.
    if text.contains("cgroup") {
        return;
    }
    let words = ["tcpreuse"].into_iter().chain(text.lines());
    match parse(words.map(OsString::from)) {
        Ok(cli) => match cli.command {
            Some(Command::Top(top)) => filters(&top.trace),
            Some(Command::Diagnose(diagnose)) => {
                filters(&diagnose.trace);
                let _ = diagnose.server.options();
            }
            Some(Command::Record(record)) => filters(&record.trace),
            _ => {}
        },
        Err(Refused::Answer(error)) => assert_eq!(error.exit_code(), 0),
        Err(Refused::Usage(failure)) => {
            let line = failure.to_string();
            assert!(!line.contains('\n'), "{line}");
        }
    }
}

fn filters(trace: &Trace) {
    let filter = Filter {
        ports: trace.ports(),
        include: trace.peers.clone(),
        exclude: trace.exclude.clone(),
        prefix4: trace.prefix4,
        prefix6: trace.prefix6,
        ..Filter::default()
    };
    let rules = filter.address_rules();
    assert!(rules.len() <= trace.peers.len() + trace.exclude.len());
    for rule in rules {
        assert!(rule.bits <= 128);
        // A network address has no bits set beyond its prefix.
        let mask = tracer_ebpf::address::mask(rule.bits);
        assert!(
            rule.address
                .iter()
                .zip(mask)
                .all(|(word, mask)| word & !mask == 0),
            "{rule:?}"
        );
    }
    assert!(filter.prefix4 <= 32 && filter.prefix6 <= 128);
    let bits: u32 = filter.port_bitmap().iter().map(|word| word.count_ones()).sum();
    assert!(bits as usize <= trace.ports().len());
    let _ = filter.masks();
}
