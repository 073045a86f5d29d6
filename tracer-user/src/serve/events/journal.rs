//! The journal of systemd, with a field for each of an event's.

use std::{env, io, os::unix::net::UnixDatagram};

use rustix::fs::fstat;
use serde_json::Value;

use super::Event;

/// Where the journal receives entries.
const SOCKET: &str = "/run/systemd/journal/socket";

/// The journal.
pub(super) struct Journal(UnixDatagram);

impl Journal {
    /// `None` unless stdout goes to the journal.
    pub(super) fn of_stdout() -> Option<Self> {
        let stream = env::var("JOURNAL_STREAM").ok()?;
        let here = fstat(io::stdout()).ok()?;
        if stream != format!("{}:{}", here.st_dev, here.st_ino) {
            return None;
        }
        UnixDatagram::unbound().ok().map(Self)
    }

    /// Whether it was taken. By its path each time, since the journal may be restarted.
    pub(super) fn tell(&self, event: &Event) -> bool {
        self.0.send_to(entry(event).as_bytes(), SOCKET).is_ok()
    }
}

/// An entry as the journal's protocol wants it: a line a field.
fn entry(event: &Event) -> String {
    // 4 is a warning, 6 information.
    let priority = if event.is_bad { 4 } else { 6 };
    let id = event.kind.message_id();
    let mut entry = format!("SYSLOG_IDENTIFIER=tcpreuse\nPRIORITY={priority}\nMESSAGE_ID={id}\n");
    let mut put = |name: &str, value: &str| {
        // A line break would begin another field; text from outside has none, and JSON escapes it.
        if !value.contains('\n') {
            entry.push_str(&format!("{name}={value}\n"));
        }
    };
    put("MESSAGE", event.text("text"));
    for (key, value) in &event.fields {
        let name = format!("TCPREUSE_{}", key.to_ascii_uppercase());
        match value {
            Value::String(text) => put(&name, text),
            Value::Null => {}
            other => put(&name, &other.to_string()),
        }
    }
    entry
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::serve::events::Kind;

    #[test]
    fn an_entry_has_a_field_a_line() {
        let Value::Object(fields) = json!({
            "peer": "192.0.2.7", "local_port": 443, "remote_port": null, "surge": {"from": 3}, "odd": "a\nPRIORITY=0",
        }) else {
            unreachable!()
        };
        let event = Event::new(
            Kind::Verdict,
            "192.0.2.7: reusing → piling-up".to_owned(),
            true,
            fields,
        );
        assert_eq!(
            entry(&event),
            "SYSLOG_IDENTIFIER=tcpreuse\nPRIORITY=4\nMESSAGE_ID=ecf7b9a7da5e4613b313a36446b18f89\n\
             MESSAGE=192.0.2.7: reusing → piling-up\n\
             TCPREUSE_EVENT=verdict\nTCPREUSE_LOCAL_PORT=443\nTCPREUSE_PEER=192.0.2.7\n\
             TCPREUSE_SCHEMA=tcpreuse.event/1\nTCPREUSE_SURGE={\"from\":3}\n\
             TCPREUSE_TEXT=192.0.2.7: reusing → piling-up\n"
        );
    }
}
