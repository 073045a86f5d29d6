//! `--webhook`: each event is posted, with a few attempts.

use std::{str::FromStr, thread, time::Duration};

use ureq::{
    Agent,
    http::{
        Uri,
        header::{CONNECTION, CONTENT_TYPE},
    },
};

use crate::server_status;

/// Time for one attempt.
const PATIENCE: Duration = Duration::from_secs(5);

/// Pauses before the second and the third attempt; there is no fourth.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// Where events are posted to.
#[derive(Clone, Debug)]
pub struct Hook {
    uri: Uri,
    pauses: [Duration; 2],
}

impl FromStr for Hook {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text
            .parse()
            .map_err(|_| "an address begins with http:// or https://".to_owned())?;
        match (uri.scheme_str(), uri.host()) {
            (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(Self { uri, pauses: PAUSES }),
            _ => Err("an address begins with http:// or https://".to_owned()),
        }
    }
}

impl Hook {
    /// Posts a document. Returns whether it was taken. Blocks while it tries.
    pub(super) fn post(&self, document: &str) -> bool {
        let pauses = self.pauses.into_iter().map(Some).chain([None]);
        for pause in pauses {
            match self.attempt(document) {
                Ok(()) => return true,
                Err(reason) => log::debug!("the webhook did not take an event: {reason}"),
            }
            match pause {
                Some(pause) => thread::sleep(pause),
                None => break,
            }
        }
        false
    }

    fn attempt(&self, document: &str) -> Result<(), String> {
        let mut config = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .user_agent(concat!("tcpreuse/", env!("CARGO_PKG_VERSION")));
        if self.uri.scheme_str() == Some("https") {
            let tls = server_status::tls().map_err(|fault| fault.to_string())?;
            config = config.tls_config(tls);
        }
        let reply = config
            .build()
            .new_agent()
            .post(&self.uri)
            .header(CONNECTION, "close")
            .header(CONTENT_TYPE, "application/json")
            .send(document)
            .map_err(|error| error.to_string())?;
        // A redirect is not followed: what is posted is for this address alone.
        let status = reply.status();
        status
            .is_success()
            .then_some(())
            .ok_or_else(|| status.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
    };

    use super::*;

    /// A server that gives these answers, one a connection, and returns what was sent.
    fn answering(answers: &'static [&'static str]) -> (Hook, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("http://{}/hook", listener.local_addr().unwrap());
        let serving = thread::spawn(move || {
            let answer = |answer: &&str| {
                let (mut stream, _) = listener.accept().unwrap();
                let (mut request, mut buffer) = (String::new(), [0; 4096]);
                while !request.ends_with('}') {
                    let length = stream.read(&mut buffer).unwrap();
                    request.push_str(&String::from_utf8_lossy(&buffer[..length]));
                }
                write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").unwrap();
                request
            };
            answers.iter().map(answer).collect()
        });
        let hook = Hook {
            uri: uri.parse().unwrap(),
            pauses: [Duration::ZERO; 2],
        };
        (hook, serving)
    }

    #[test]
    fn it_is_tried_again_and_then_given_up() {
        let (hook, serving) = answering(&["503 Busy", "200 OK"]);
        assert!(hook.post("{\"event\":1}"));
        let requests = serving.join().unwrap();
        assert!(requests[1].starts_with("POST /hook HTTP/1.1\r\n") && requests[1].ends_with("{\"event\":1}"));
        let (hook, serving) = answering(&["503 Busy", "302 Found", "500 Broken"]);
        assert!(!hook.post("{}"));
        assert_eq!(serving.join().unwrap().len(), 3);
    }

    #[test]
    fn only_http_is_an_address() {
        assert!("https://hooks.example/x?y=1".parse::<Hook>().is_ok());
        for text in ["hooks.example", "ftp://hooks.example", "http://", ""] {
            assert!(text.parse::<Hook>().is_err(), "{text}");
        }
    }
}
