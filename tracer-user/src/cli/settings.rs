//! From flags to what the rest of the program wants.

use std::{env, io::IsTerminal};

use super::{
    Color, Direction, Format, Kernel, Output, Server, Trace, Usual,
    values::{NO_NETNS, Netns, Span},
};
use crate::{
    diagnosis::Options,
    exit::Failure,
    filter::{Directions, Filter, Prefixes},
    kernel::{netns, settings::Settings},
    report::openmetrics::Style,
    server_status::{self, StatusUrl},
};

impl Trace {
    /// What to leave of a recording.
    pub fn selection(&self) -> Filter {
        self.filter(self.directions(|| false))
    }

    /// What to load. Without `--direction`, looks whether any of the ports is being listened on.
    ///
    /// # Errors
    /// When there is no such network namespace.
    pub fn settings(&self) -> Result<Settings, Failure> {
        if let Some(Netns(inode)) = self.netns
            && netns::is_there(inode) == Some(false)
        {
            return Err(Failure::Usage(format!(
                "invalid value '{inode}' for '--netns': {NO_NETNS}"
            )));
        }
        Ok(Settings {
            filter: self.filter(self.directions(|| netns::any_listener(&self.ports()))),
            max_peers: self.max_peers,
            retain_ns: self.retain.0.map(Span::as_ns),
            max_connections: self.max_connections,
            peek: !self.no_peek,
            log: self.verbose,
            ..self.kernel.settings()
        })
    }

    /// How peers are grouped.
    pub fn prefixes(&self) -> Prefixes {
        Prefixes {
            v4: self.prefix4,
            v6: self.prefix6,
        }
    }

    fn filter(&self, directions: Directions) -> Filter {
        Filter {
            ports: self.ports(),
            include: self.peers.clone(),
            exclude: self.exclude.clone(),
            directions,
            netns: self.netns.map(|Netns(inode)| inode),
            cgroup: self.cgroup,
            prefix4: self.prefix4,
            prefix6: self.prefix6,
        }
    }

    fn directions(&self, any_listener: impl FnOnce() -> bool) -> Directions {
        match self.direction {
            Some(Direction::Inbound) => Directions::Inbound,
            Some(Direction::Outbound) => Directions::Outbound,
            Some(Direction::Both) => Directions::Both,
            None if !self.ports.is_empty() && any_listener() => Directions::Inbound,
            None => Directions::Both,
        }
    }
}

impl Kernel {
    /// What to load where only this is known.
    pub fn settings(&self) -> Settings {
        Settings {
            btf: self.btf.clone(),
            object: self.object.clone(),
            ..Settings::default()
        }
    }
}

impl Usual {
    /// What the diagnosis is told.
    pub fn options(&self) -> Options {
        Options {
            expect: self.expect.unwrap_or_default(),
            expect_peers: self.expect_peers.clone(),
            keepalive_ns: self.keepalive_timeout.map(Span::as_ns),
            hold_ns: self.hold.map(Span::as_ns),
            ..Options::default()
        }
    }
}

impl Server {
    /// What the diagnosis is told.
    pub fn options(&self) -> Options {
        Options {
            max_workers: self.max_workers,
            ..self.usual.options()
        }
    }
}

impl Server {
    /// What the diagnosis of a recording is told: what was said then, unless something else is said
    /// now.
    pub fn options_over(&self, recorded: Options) -> Options {
        let now = self.options();
        Options {
            expect: self.usual.expect.unwrap_or(recorded.expect),
            expect_peers: if now.expect_peers.is_empty() {
                recorded.expect_peers
            } else {
                now.expect_peers
            },
            keepalive_ns: now.keepalive_ns.or(recorded.keepalive_ns),
            hold_ns: now.hold_ns.or(recorded.hold_ns),
            max_workers: now.max_workers.or(recorded.max_workers),
            ..recorded
        }
    }

    /// Where the status page is.
    ///
    /// # Errors
    /// When it is no address of one, without repeating it.
    pub fn status_url(&self) -> Result<Option<StatusUrl>, Failure> {
        self.server_status
            .as_deref()
            .map(server_status::url)
            .transpose()
            .map_err(|reason| Failure::Usage(format!("invalid value for '--server-status <URL>': {reason}")))
    }
}

impl Format {
    /// Whether metrics are wanted, and in which style.
    pub fn metrics(self) -> Option<Style> {
        match self {
            Self::Text | Self::Json | Self::Html | Self::Figures => None,
            Self::Openmetrics => Some(Style::OpenMetrics),
            Self::Prometheus => Some(Style::Prometheus),
        }
    }
}

impl Output {
    /// Refuses metrics where `what` has none: they are counted from when a trace begins.
    ///
    /// # Errors
    /// If metrics are asked for.
    pub fn refuse_metrics(&self, what: &str) -> Result<(), Failure> {
        match self.format.metrics() {
            None => Ok(()),
            Some(_) => Err(Failure::Usage(format!(
                "metrics are those of a live trace: {what} prints text, json or html"
            ))),
        }
    }

    /// Whether to colour what goes to stdout.
    pub fn colored(&self) -> bool {
        self.colours.color.on_stdout()
    }
}

impl Color {
    /// Whether to colour what goes to stdout.
    pub fn on_stdout(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                std::io::stdout().is_terminal()
                    && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                    && env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::{
        cli::{Cli, Command},
        diagnosis::Expect,
    };

    fn trace(args: &[&str]) -> Trace {
        let all = ["tcpreuse", "diagnose"].iter().chain(args);
        match Cli::try_parse_from(all).unwrap().command {
            Some(Command::Diagnose(diagnose)) => diagnose.trace,
            _ => unreachable!(),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_listeners_port_means_inbound_unless_said_otherwise() {
        assert_eq!(
            trace(&["--port", "80,443"]).directions(|| true),
            Directions::Inbound
        );
        assert_eq!(trace(&["--port", "80"]).directions(|| false), Directions::Both);
        assert_eq!(trace(&[]).directions(|| true), Directions::Both);
        assert_eq!(
            trace(&["-p80", "--direction", "outbound"]).directions(|| true),
            Directions::Outbound
        );
    }

    #[test]
    fn expect_auto_undoes_what_was_recorded() {
        let recorded = Options {
            expect: Expect::Connections(5),
            ..Options::default()
        };
        let expected = |expect| {
            let server = Server {
                usual: Usual {
                    expect,
                    ..Usual::default()
                },
                ..Server::default()
            };
            server.options_over(recorded.clone()).expect
        };
        assert_eq!(expected(None), Expect::Connections(5));
        assert_eq!(expected(Some(Expect::Auto)), Expect::Auto);
        assert_eq!(expected(Some(Expect::Connections(2))), Expect::Connections(2));
    }

    #[test]
    fn networks_repeat_and_ports_have_commas() {
        let trace = trace(&[
            "-p",
            "80,443",
            "--peer",
            "10.0.0.0/8",
            "--peer",
            "192.0.2.7",
            "--exclude",
            "10.1.0.0/16",
        ]);
        assert_eq!(trace.ports(), [80, 443]);
        assert_eq!(trace.peers.len(), 2);
        assert_eq!(trace.exclude.len(), 1);
    }
}
