//! Chromium without a screen, driven through a pair of pipes as its own tools do.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    process::{Pid, Signal, kill_process_group},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{eventually, pace::patience, program::sibling};

/// Its name.
pub const PROGRAM: &str = "chromium";

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page, killed on drop.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    orders: File,
    answers: Receiver<Value>,
    session: String,
    next: u64,
    /// The addresses that it asked for.
    asked: Vec<String>,
    /// What it reported on its console as a fault.
    faults: Vec<String>,
    _folder: TempDir,
}

impl Browser {
    /// Starts it in the calling thread's network namespace and opens this page.
    ///
    /// # Panics
    /// If it does not start.
    pub fn open(url: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["orders", "answers"] {
            mknodat(CWD, path(name), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
        }
        // The shell gives it the pipes as descriptors 3 and 4, where it expects them.
        let script = format!(
            "exec setpriv --pdeathsig KILL {PROGRAM} --headless=new --no-sandbox --disable-gpu \
             --no-first-run --disable-dev-shm-usage --disable-background-networking --user-data-dir=\"$0/profile\" \
             --remote-debugging-pipe about:blank 3<\"$0/orders\" 4>\"$0/answers\""
        );
        let child = Command::new("sh")
            .args(["-c", &script])
            .arg(folder.path())
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(path("errors")).expect("a file"))
            .process_group(0)
            .spawn()
            .expect("a shell");
        // In the order in which the shell opens them, since opening waits for the other end.
        let orders = OpenOptions::new()
            .write(true)
            .open(path("orders"))
            .expect("a pipe");
        let pipe = File::open(path("answers")).expect("a pipe");
        let (send, answers) = channel();
        thread::spawn(move || {
            for message in BufReader::new(pipe).split(0) {
                let message = message.ok().and_then(|text| serde_json::from_slice(&text).ok());
                if message.is_none_or(|message| send.send(message).is_err()) {
                    return;
                }
            }
        });
        let mut browser = Self {
            child,
            orders,
            answers,
            session: String::new(),
            next: 0,
            asked: Vec::new(),
            faults: Vec::new(),
            _folder: folder,
        };
        let target = browser.order("Target.createTarget", json!({ "url": "about:blank" }));
        let attached = browser.order(
            "Target.attachToTarget",
            json!({ "targetId": target["targetId"], "flatten": true }),
        );
        attached["sessionId"]
            .as_str()
            .expect("a session")
            .clone_into(&mut browser.session);
        for domain in ["Network", "Page", "Runtime", "Log"] {
            browser.order(&format!("{domain}.enable"), json!({}));
        }
        browser.order("Page.navigate", json!({ "url": url }));
        eventually("the page to be there", || {
            browser.value("document.readyState") == "complete" && browser.value("location.href") == url
        });
        browser
    }

    /// Gives an order and returns what it says.
    ///
    /// # Panics
    /// If it refuses or does not answer.
    fn order(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let mut order = json!({ "id": self.next, "method": method, "params": params });
        if !self.session.is_empty() {
            order["sessionId"] = self.session.as_str().into();
        }
        let mut text = order.to_string().into_bytes();
        text.push(0);
        self.orders.write_all(&text).expect("an order");
        loop {
            let answer = self.answers.recv_timeout(patience(PATIENCE)).expect("an answer");
            let params = &answer["params"];
            match answer["method"].as_str() {
                Some("Network.requestWillBeSent") => {
                    let url = params["request"]["url"].as_str();
                    self.asked.push(url.unwrap_or_default().to_owned());
                }
                Some("Runtime.exceptionThrown") => self.faults.push(params.to_string()),
                Some("Log.entryAdded") if params["entry"]["level"] == "error" => {
                    self.faults.push(params.to_string());
                }
                _ => {}
            }
            if answer["id"] == self.next {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    /// The value of a JavaScript expression in the page.
    ///
    /// # Panics
    /// If it has none.
    pub fn value(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true });
        let mut result = self.order("Runtime.evaluate", params);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].take()
    }

    /// Shows the page on a screen of this width, px, in `dark` or `light`.
    ///
    /// # Panics
    /// If it refuses.
    pub fn resize(&mut self, width: u32, scheme: &str) {
        let screen = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.order("Emulation.setDeviceMetricsOverride", screen);
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.order("Emulation.setEmulatedMedia", json!({ "features": [feature] }));
    }

    /// Keeps a picture of the whole page as `NAME.png`, to be looked at. Returns where it is.
    ///
    /// # Panics
    /// If there is none.
    pub fn picture(&mut self, name: &str) -> PathBuf {
        let params = json!({ "format": "png", "captureBeyondViewport": true });
        self.kept("Page.captureScreenshot", params, &format!("{name}.png"))
    }

    /// The same on paper, as `NAME.pdf`.
    ///
    /// # Panics
    /// If it cannot be printed.
    pub fn print(&mut self, name: &str) -> PathBuf {
        let params = json!({ "printBackground": false, "preferCSSPageSize": true });
        self.kept("Page.printToPDF", params, &format!("{name}.pdf"))
    }

    fn kept(&mut self, order: &str, params: Value, name: &str) -> PathBuf {
        let made = self.order(order, params);
        let made = made["data"].as_str().and_then(|data| STANDARD.decode(data).ok());
        let folder = sibling("pictures");
        fs::create_dir_all(&folder).expect("a folder for pictures");
        fs::write(folder.join(name), made.expect("a picture")).expect("a file");
        folder.join(name)
    }

    /// Presses a key and lets it go: `Tab`, `Enter`, or a letter.
    ///
    /// # Panics
    /// If it refuses.
    pub fn press(&mut self, key: &str) {
        let (text, code) = match key {
            "Tab" => ("", 9),
            "Enter" => ("\r", 13),
            letter => (letter, 0),
        };
        let down = json!({ "type": "keyDown", "key": key, "text": text, "windowsVirtualKeyCode": code });
        self.order("Input.dispatchKeyEvent", down);
        let up = json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code });
        self.order("Input.dispatchKeyEvent", up);
    }

    /// The faults that it has reported so far: exceptions, and what the page's policy forbade.
    pub fn faults(&mut self) -> &[String] {
        self.value("0");
        &self.faults
    }

    /// Every address that it asked for so far.
    pub fn asked(&mut self) -> &[String] {
        // What has happened before is told before the answer to this.
        self.value("0");
        &self.asked
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}
