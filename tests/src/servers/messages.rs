//! Brokers.

use std::{path::Path, process::Command};

use super::{command, write};

/// mosquitto, on every address.
pub fn mosquitto(folder: &Path, port: u16) -> Command {
    let config = format!("listener {port} 0.0.0.0\nallow_anonymous true\npersistence false\nuser root\n");
    let config = write(folder, "mosquitto.conf", &config);
    let mut broker = command("mosquitto");
    broker.args(["-c", &config]);
    broker
}
