//! Tomcat behind Apache, over AJP.

use std::{
    fs,
    io::{Read, Write},
    net::Ipv4Addr,
    path::Path,
    process::Command,
    time::Duration,
};

use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::Trace,
    traffic::{connect, source},
};

use super::*;

const HTTP: u16 = 8080;
const AJP: u16 = 8009;

/// Java takes 3 s to start Tomcat, and half a minute on a busy machine.
const START: Duration = Duration::from_secs(180);

const TOMCAT: &str = "/usr/share/tomcat10";
const MODULES: &str = "/usr/lib/apache2/modules";

/// Apache's modules that speak AJP, with what makes them hand on everything.
const CONNECTORS: [(&[&str], &str); 2] = [
    (
        &["jk"],
        "JkWorkerProperty worker.list=tomcat
JkWorkerProperty worker.tomcat.type=ajp13
JkWorkerProperty worker.tomcat.host=127.0.0.1
JkWorkerProperty worker.tomcat.port=8009
JkMount /* tomcat",
    ),
    (&["proxy", "proxy_ajp"], "ProxyPass / ajp://127.0.0.1:8009/"),
];

fn tomcat(folder: &Path) -> Command {
    for name in ["conf", "webapps/ROOT", "temp", "logs", "work"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    for name in ["web.xml", "catalina.properties"] {
        fs::copy(format!("{TOMCAT}/etc/{name}"), folder.join("conf").join(name)).unwrap();
    }
    write(&folder.join("webapps/ROOT"), "index.html", "ok");
    let server = format!(
        "<Server port='-1'><Service name='Catalina'>
<Connector protocol='AJP/1.3' address='127.0.0.1' port='{AJP}' secretRequired='false'/>
<Engine name='Catalina' defaultHost='localhost'><Host name='localhost' appBase='webapps'/></Engine>
</Service></Server>"
    );
    write(&folder.join("conf"), "server.xml", &server);
    let mut java = command("java");
    java.args(["-XX:TieredStopAtLevel=1", "-cp"])
        .arg(format!("{TOMCAT}/bin/bootstrap.jar:{TOMCAT}/bin/tomcat-juli.jar"))
        .arg(format!("-Dcatalina.home={TOMCAT}"))
        .arg(format!("-Dcatalina.base={}", folder.display()))
        .args(["org.apache.catalina.startup.Bootstrap", "start"]);
    java
}

/// One process with few threads, each of which keeps its connection to Tomcat.
fn apache(folder: &Path, modules: &[&str], lines: &str) -> Command {
    let modules: String = ["mpm_worker", "authz_core"]
        .iter()
        .chain(modules)
        .map(|name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n"))
        .collect();
    let config = format!(
        "{modules}
ServerRoot {folder}
ServerName localhost
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/errors
Mutex fcntl:{folder} default
User www-data
Group www-data
Listen 127.0.0.1:{HTTP}
StartServers 1
ThreadsPerChild 4
MaxRequestWorkers 4
MaxSpareThreads 4
{lines}
",
        folder = folder.display()
    );
    let config = write(folder, "apache.conf", &config);
    let mut apache = command("apache2");
    apache.args(["-D", "FOREGROUND", "-f", &config]);
    apache
}

/// Asks over one connection.
fn ask(requests: usize) {
    let mut stream = connect(source(0), (Ipv4Addr::LOCALHOST, HTTP).into()).unwrap();
    for _ in 0..requests {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        let mut answer = Vec::new();
        let mut byte = [0];
        // All at once, or the last of several chunks.
        let is_whole = |answer: &[u8]| answer.ends_with(b"\r\n\r\nok") || answer.ends_with(b"\r\n0\r\n\r\n");
        while !is_whole(&answer) && stream.read(&mut byte).unwrap() == 1 {
            answer.extend(byte);
        }
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok"),
            "{answer}"
        );
    }
}

#[test]
fn tomcat_behind_apache() {
    need_root!();
    let bootstrap = format!("{TOMCAT}/bin/bootstrap.jar");
    if !are_installed(&["java", "apache2", &bootstrap]) {
        return;
    }
    let namespace = Namespace::new();
    let place = folder();
    let mut java = tomcat(place.path());
    let _tomcat = Server::start_within(START, &mut java, AJP);
    for (modules, lines) in CONNECTORS {
        let is_missing = |name: &&str| !Path::new(&format!("{MODULES}/mod_{name}.so")).exists();
        if modules.iter().any(is_missing) {
            continue;
        }
        let folder = folder();
        let apache = Server::start(apache(folder.path(), modules, lines), HTTP);
        all_are_over();
        let trace = Trace::start(&namespace, &["--port", &AJP.to_string(), "--direction", "both"]);
        for requests in [1, 1, 1, 1, 1, 7] {
            ask(requests);
        }
        drop(apache);
        all_are_over();
        let diagnosis = trace.finish();
        diagnosis.assert_sound();
        for direction in ["inbound", "outbound"] {
            let peer = diagnosis.peer("127.0.0.1", direction);
            assert_eq!(
                protocol(&diagnosis, "127.0.0.1", direction),
                "ajp",
                "{modules:?}, {direction}"
            );
            assert_eq!(figure(peer, "requests"), 12, "{modules:?}, {direction}");
            assert!(is_exact(peer), "{modules:?}, {direction}");
        }
    }
}
