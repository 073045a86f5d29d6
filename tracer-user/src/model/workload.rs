//! What a process belongs to: the pod, container or service that its cgroup is named after.
//!
//! A cgroup's path has identifiers, not the names that people give; only the program that made the cgroup
//! knows those.

use serde::{Deserialize, Serialize};

use crate::text::sanitise;

/// Maximum length of a name, bytes. The kernel has no longer names of directories.
const MAX_NAME: usize = 255;

/// Characters of a container's identifier that its tools print.
const SHORT: usize = 12;

/// What a process belongs to, as far as its cgroup tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Workload {
    /// The service or scope of systemd.
    pub unit: Option<String>,
    /// The container: the identifier that its runtime gave it, or the name of a machine.
    pub container: Option<String>,
    /// The UID of the Kubernetes pod.
    pub pod: Option<String>,
}

impl Workload {
    /// Reads a `cgroup` file of `/proc`: the path in the unified hierarchy, or on older systems that of
    /// systemd.
    pub fn of_file(text: &str) -> Self {
        let path_of = |controllers: &str| {
            text.lines().find_map(|line| {
                let (_, rest) = line.split_once(':')?;
                let (of, path) = rest.split_once(':')?;
                (of == controllers).then_some(path).filter(|path| *path != "/")
            })
        };
        let path = ["", "name=systemd", "pids", "memory"]
            .into_iter()
            .find_map(path_of);
        Self::of_path(path.unwrap_or_default())
    }

    /// Reads a path. What is further down says more.
    pub fn of_path(path: &str) -> Self {
        let mut found = Self::default();
        let mut parent = "";
        for component in path.split('/').filter(|component| component.len() <= MAX_NAME) {
            found.descend(parent, component);
            parent = component;
        }
        found
    }

    fn descend(&mut self, parent: &str, component: &str) {
        // `kubepods-podUID.slice:cri-containerd:ID` is one component where two programs disagree on who names
        // it.
        for part in component.split(':') {
            if let Some(pod) = pod(part) {
                // What holds all pods is the service of their runtime.
                *self = Self {
                    pod: Some(pod),
                    ..Self::default()
                };
            }
        }
        if let Some(container) = container(parent, component) {
            self.container = Some(container);
        } else if is_unit(component) && (component != "init.scope" || self.unit.is_none()) {
            self.unit = Some(unescaped(component));
        }
    }

    /// What is known, if anything is.
    pub fn known(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }

    /// The container as its tools print it.
    pub fn short_container(&self) -> Option<&str> {
        let container = self.container.as_deref()?;
        match is_identifier(container) {
            true => container.get(..SHORT),
            false => Some(container),
        }
    }

    /// Makes the texts harmless, after reading from a file.
    pub fn sanitise(&mut self) {
        for text in [&mut self.unit, &mut self.container, &mut self.pod]
            .into_iter()
            .flatten()
        {
            *text = sanitise(text);
            text.truncate(text.floor_char_boundary(MAX_NAME));
        }
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether this is what a runtime calls a container by itself.
fn is_identifier(text: &str) -> bool {
    text.len() == 64 && is_hex(text)
}

/// The UID in `pod0b1c…`, `kubepods-burstable-pod0b1c….slice`: a UUID, or for a static pod the hash of its
/// file.
fn pod(part: &str) -> Option<String> {
    let name = part.strip_suffix(".slice").unwrap_or(part);
    let uid = match name.strip_prefix("pod") {
        Some(uid) => uid,
        None => name.rsplit_once("-pod")?.1,
    };
    // Slices have no other dashes in a name than those between parent and child.
    let uid = uid.replace('_', "-");
    let digits = uid.replace('-', "");
    (digits.len() == 32 && is_hex(&digits)).then_some(uid)
}

/// The container in `docker-ID.scope`, `cri-containerd:ID`, `libpod-ID.scope`, a bare ID, or a machine's
/// name.
fn container(parent: &str, component: &str) -> Option<String> {
    let name = component.strip_suffix(".scope").unwrap_or(component);
    let (program, id) = name.rsplit_once(['-', ':']).unwrap_or(("", name));
    if is_identifier(id) {
        // The monitor of a container runs outside of it.
        return (!program.ends_with("conmon")).then(|| id.to_owned());
    }
    let machine = match component.strip_prefix("lxc.payload.") {
        Some(name) => name,
        None if parent == "lxc" => component,
        None if component.starts_with("machine-") && component != name => name.strip_prefix("machine-")?,
        None => component
            .strip_prefix("systemd-nspawn@")?
            .strip_suffix(".service")?,
    };
    Some(unescaped(machine)).filter(|name| !name.is_empty())
}

fn is_unit(component: &str) -> bool {
    let name = component
        .strip_suffix(".service")
        .or_else(|| component.strip_suffix(".scope"));
    name.is_some_and(|name| !name.is_empty())
}

/// A name without systemd's escapes (`\x2d`), and harmless.
fn unescaped(name: &str) -> String {
    let mut parts = name.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend(part.bytes().skip(2));
            }
            None => {
                bytes.extend(b"\\x");
                bytes.extend(part.bytes());
            }
        }
    }
    sanitise(&String::from_utf8_lossy(&bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const UID: &str = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0";

    fn workload(unit: Option<&str>, container: Option<&str>, pod: Option<&str>) -> Workload {
        let [unit, container, pod] = [unit, container, pod].map(|text| text.map(str::to_owned));
        Workload { unit, container, pod }
    }

    #[test]
    fn paths_tell_pod_container_and_unit() {
        let slice = UID.replace('-', "_");
        let in_pod = || workload(None, Some(ID), Some(UID));
        let in_container = |unit| workload(unit, Some(ID), None);
        let unit = |name| workload(Some(name), None, None);
        for (path, wanted) in [
            // Kubernetes with systemd as the driver, with containerd, CRI-O and Docker.
            (
                format!(
                    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{slice}.slice/cri-containerd-{ID}.scope"
                ),
                in_pod(),
            ),
            (
                format!("/kubepods.slice/kubepods-pod{slice}.slice/crio-{ID}.scope/container"),
                in_pod(),
            ),
            (
                format!(
                    "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{slice}.slice/docker-{ID}.scope"
                ),
                in_pod(),
            ),
            // In a node that is a container itself.
            (
                format!(
                    "/docker/{}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{slice}.slice/cri-containerd-{ID}.scope",
                    "f".repeat(64)
                ),
                in_pod(),
            ),
            // With the driver cgroupfs, and where kubelet and containerd disagree.
            (format!("/kubepods/burstable/pod{UID}/{ID}"), in_pod()),
            (format!("/kubepods/pod{UID}/{ID}/child"), in_pod()),
            (
                format!(
                    "/system.slice/containerd.service/kubepods-burstable-pod{slice}.slice:cri-containerd:{ID}"
                ),
                in_pod(),
            ),
            // A static pod.
            (
                format!("/kubepods/burstable/pod{}/{ID}", "a".repeat(32)),
                workload(None, Some(ID), Some(&"a".repeat(32))),
            ),
            // Docker.
            (format!("/docker/{ID}"), in_container(None)),
            (format!("/system.slice/docker-{ID}.scope"), in_container(None)),
            (
                format!("/../../system.slice/docker-{ID}.scope"),
                in_container(None),
            ),
            // Podman, also of a user and as a service; its monitor is not in the container.
            (
                format!("/machine.slice/libpod-{ID}.scope/container"),
                in_container(None),
            ),
            (format!("/libpod_parent/libpod-{ID}"), in_container(None)),
            (
                format!(
                    "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope/container"
                ),
                in_container(Some("user@1000.service")),
            ),
            (
                format!("/system.slice/web.service/libpod-payload-{ID}"),
                in_container(Some("web.service")),
            ),
            (
                format!("/machine.slice/libpod-conmon-{ID}.scope"),
                workload(Some(&format!("libpod-conmon-{ID}.scope")), None, None),
            ),
            // Machines.
            (
                "/lxc.payload.web/system.slice/nginx.service".to_owned(),
                workload(Some("nginx.service"), Some("web"), None),
            ),
            ("/lxc/web".to_owned(), workload(None, Some("web"), None)),
            (
                r"/machine.slice/machine-web\x2d1.scope".to_owned(),
                workload(None, Some("web-1"), None),
            ),
            (
                "/machine.slice/systemd-nspawn@web.service/payload".to_owned(),
                workload(None, Some("web"), None),
            ),
            // Services and sessions of systemd.
            (
                "/system.slice/apache2.service".to_owned(),
                unit("apache2.service"),
            ),
            (
                r"/system.slice/system-getty\x2d.slice/a\x2fb.service/sub".to_owned(),
                unit("a/b.service"),
            ),
            (
                "/user.slice/user-1000.slice/session-3.scope".to_owned(),
                unit("session-3.scope"),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/dbus.service".to_owned(),
                unit("dbus.service"),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/init.scope".to_owned(),
                unit("user@1000.service"),
            ),
            ("/init.scope".to_owned(), unit("init.scope")),
            // Nothing.
            ("/".to_owned(), Workload::default()),
            (String::new(), Workload::default()),
            ("/podcast/pod12/.service/machine-".to_owned(), Workload::default()),
        ] {
            assert_eq!(Workload::of_path(&path), wanted, "{path}");
        }
        assert_eq!(in_container(None).short_container(), Some("0123456789ab"));
        assert_eq!(workload(None, Some("web"), None).short_container(), Some("web"));
    }

    #[test]
    fn the_hierarchy_that_systemd_uses_is_read() {
        let of = |text: &str| Workload::of_file(text).unit;
        assert_eq!(of("0::/system.slice/a.service\n").as_deref(), Some("a.service"));
        let hybrid = "4:memory:/\n1:name=systemd:/system.slice/b.service\n0::/system.slice/c.service\n";
        assert_eq!(of(hybrid).as_deref(), Some("c.service"));
        let old = "4:memory:/x.service\n1:name=systemd:/system.slice/b:1.service\n0::/\n";
        assert_eq!(of(old).as_deref(), Some("b:1.service"));
        assert_eq!(of("garbage"), None);
    }

    proptest! {
        /// A user may call a cgroup anything.
        #[test]
        fn any_path_is_read_and_harmless(path in "(/(pod|docker-|lxc|machine-|\\\\x[0-9a-f]{0,3}|:|[^/]{0,9}|[0-9a-f]{64}|\\.scope|\\.service)*)*") {
            let found = Workload::of_path(&path);
            let mut harmless = found.clone();
            harmless.sanitise();
            prop_assert_eq!(&harmless, &found);
            prop_assert!(found.short_container().is_none_or(|name| name.len() <= MAX_NAME));
        }
    }
}
