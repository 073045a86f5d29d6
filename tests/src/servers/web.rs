//! Web servers.

use std::{fs, path::Path, process::Command};

use super::{Certificate, command, write};

/// nginx with one process and these `server` blocks. It writes below `folder` only.
pub fn nginx(folder: &Path, servers: &str) -> Command {
    let config = format!(
        "daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 1024; }}
http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{servers} }}",
        folder = folder.display()
    );
    let config = write(folder, "nginx.conf", &config);
    let mut nginx = command("nginx");
    nginx.args(["-e", "stderr", "-c", &config]);
    nginx
}

/// Node.js with HTTP/2 over TLS on every address. It closes sessions that have been idle for this long.
pub fn node(port: u16, certificate: &Certificate, timeout_ms: u32) -> Command {
    let mut node = command("node");
    node.arg(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/servers/http2_server.js"
    ))
    .args([&port.to_string(), &certificate.path, &certificate.key])
    .arg(timeout_ms.to_string());
    node
}

/// Where Debian has Tomcat.
pub const TOMCAT: &str = "/usr/share/tomcat10";

/// Tomcat with AJP on this port and a page that says so. It writes below `folder` only.
pub fn tomcat(folder: &Path, port: u16) -> Command {
    for directory in ["conf", "logs", "temp", "webapps/ROOT"] {
        let directory = folder.join(directory);
        fs::create_dir_all(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    }
    let server = format!(
        r#"<Server port="-1"><Service name="Catalina">
<Connector protocol="AJP/1.3" address="127.0.0.1" port="{port}" secretRequired="false"/>
<Engine name="Catalina" defaultHost="localhost"><Host name="localhost" appBase="webapps"/></Engine>
</Service></Server>"#
    );
    write(folder, "conf/server.xml", &server);
    // The default servlet, which serves files.
    let web = r#"<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="5.0">
<servlet><servlet-name>files</servlet-name>
<servlet-class>org.apache.catalina.servlets.DefaultServlet</servlet-class></servlet>
<servlet-mapping><servlet-name>files</servlet-name><url-pattern>/</url-pattern></servlet-mapping>
<welcome-file-list><welcome-file>index.txt</welcome-file></welcome-file-list>
</web-app>"#;
    write(folder, "conf/web.xml", web);
    write(folder, "webapps/ROOT/index.txt", "from Tomcat");
    let mut java = command("java");
    java.args(["-Xmx64m", "-XX:TieredStopAtLevel=1", "-cp"])
        .arg(format!("{TOMCAT}/bin/bootstrap.jar:{TOMCAT}/bin/tomcat-juli.jar"))
        .arg(format!("-Dcatalina.home={TOMCAT}"))
        .arg(format!("-Dcatalina.base={}", folder.display()))
        .arg(format!("-Djava.io.tmpdir={}", folder.join("temp").display()))
        .args(["org.apache.catalina.startup.Bootstrap", "start"]);
    java
}

/// Where Debian has the module that connects Apache to Tomcat.
pub const MOD_JK: &str = "/usr/lib/apache2/modules/mod_jk.so";

/// Apache on this port, which passes everything on by AJP to another one.
pub fn apache_with_jk(folder: &Path, port: u16, inner: u16) -> Command {
    let workers = format!(
        "worker.list=inner\nworker.inner.type=ajp13\nworker.inner.host=127.0.0.1\nworker.inner.port={inner}\n"
    );
    let workers = write(folder, "workers.properties", &workers);
    let at = folder.display();
    let lines = format!(
        "LoadModule jk_module {MOD_JK}
StartServers 1
ServerLimit 1
MaxRequestWorkers 8
ThreadsPerChild 8
Listen 127.0.0.1:{port}
JkWorkersFile {workers}
JkLogFile {at}/jk.log
JkShmFile {at}/jk.shm
JkMount /* inner
"
    );
    apache(folder, &["mpm_worker", "authz_core"], &lines)
}

/// Apache with these of its own modules and these lines of its settings.
pub fn apache(folder: &Path, modules: &[&str], lines: &str) -> Command {
    let modules: String = modules
        .iter()
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .collect();
    let config = format!(
        "{modules}ServerRoot {folder}
ServerName localhost
DefaultRuntimeDir {folder}
PidFile {folder}/pid
ErrorLog {folder}/errors
Mutex fcntl:{folder} default
User www-data
Group www-data
{lines}",
        folder = folder.display()
    );
    let config = write(folder, "apache.conf", &config);
    let mut apache = command("apache2");
    apache.args(["-D", "FOREGROUND", "-f", &config]);
    apache
}
