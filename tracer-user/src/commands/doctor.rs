//! `tcpreuse doctor`: what this kernel and these privileges allow, line by line.

use std::io::{self, Write};

use crate::{
    cli::Doctor,
    exit::{Failure, Outcome},
    kernel::{
        doctor::{Check, Status, examine},
        settings::Settings,
    },
    text::sanitise,
};

/// Runs the command.
///
/// # Errors
/// If the result cannot be written.
pub fn run(args: &Doctor) -> Result<Outcome, Failure> {
    super::log_to_stderr(args.verbose);
    let settings = Settings {
        max_peers: args.max_peers,
        // The largest amount needed.
        records: Some(super::record::RING),
        ..args.kernel.settings()
    };
    let checks = examine(&settings);
    write(&mut io::stdout().lock(), &checks, args.verbose)?;
    let works = checks.iter().all(|check| check.status != Status::Missing);
    Ok(if works {
        Outcome::Done
    } else {
        Outcome::CannotTrace
    })
}

fn write(to: &mut dyn Write, checks: &[Check], verbose: bool) -> io::Result<()> {
    for check in checks {
        let status = match check.status {
            Status::Ok => "ok      ",
            Status::Degraded => "degraded",
            Status::Missing => "MISSING ",
        };
        writeln!(
            to,
            "{status}  {}: {}",
            sanitise(&check.what),
            sanitise(&check.found)
        )?;
        for detail in check.details.iter().filter(|_| verbose) {
            writeln!(to, "            {}", sanitise(detail))?;
        }
    }
    let any = |wanted| checks.iter().any(|check| check.status == wanted);
    let verdict = if any(Status::Missing) {
        "tracing is not possible here; see the lines marked MISSING"
    } else if any(Status::Degraded) {
        "tracing works; what is marked degraded is lost or unknown"
    } else {
        "tracing works"
    };
    writeln!(to, "{verdict}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(statuses: &[Status], verbose: bool) -> String {
        let checks: Vec<Check> = statuses
            .iter()
            .map(|status| Check {
                what: "a\x1b[31m".to_owned(),
                status: *status,
                found: "b".to_owned(),
                details: vec!["c\x1b".to_owned()],
            })
            .collect();
        let mut out = Vec::new();
        write(&mut out, &checks, verbose).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_last_line_is_the_worst_of_all() {
        let text = |statuses| text(statuses, false);
        assert!(text(&[Status::Ok]).ends_with("\ntracing works\n"));
        assert!(text(&[Status::Ok, Status::Degraded]).contains("lost or unknown"));
        assert!(text(&[Status::Degraded, Status::Missing]).contains("not possible"));
    }

    #[test]
    fn details_are_below_their_check_and_harmless() {
        let lines = text(&[Status::Ok], true);
        assert!(!lines.contains('\x1b'), "{lines:?}");
        let mut lines = lines.lines().map(str::trim_start).skip(1);
        assert!(lines.next().unwrap().starts_with('c'));
        assert_eq!(text(&[Status::Ok], false).lines().count(), 2);
    }
}
