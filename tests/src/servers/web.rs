//! Web servers.

use std::{path::Path, process::Command};

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
