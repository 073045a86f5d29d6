use std::{fs, io, net::TcpStream, path::Path, thread};

use super::*;

/// In a separate thread, since dropped privileges do not return.
fn having_given_up<T: Send>(role: &Role, act: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let acting = scope.spawn(|| {
            give_up(role).unwrap();
            act()
        });
        acting.join().unwrap()
    })
}

fn reading(path: &Path) -> Role {
    Role::Reading {
        files: vec![path.to_owned()],
    }
}

fn showing(path: &Path) -> Role {
    Role::Showing {
        writes: vec![path.to_owned()],
    }
}

fn kind<T>(result: io::Result<T>) -> Option<io::ErrorKind> {
    result.err().map(|error| error.kind())
}

const DENIED: Option<io::ErrorKind> = Some(io::ErrorKind::PermissionDenied);

/// Landlock was added in Linux 5.13, and not every kernel is built with it.
fn has_landlock() -> bool {
    fs::read_to_string("/sys/kernel/security/lsm").is_ok_and(|list| list.contains("landlock"))
        || landlock_abi() > 0
}

fn landlock_abi() -> i64 {
    const VERSION: u32 = 1;
    // SAFETY: when asked for the version, the kernel does not access our memory.
    unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<u8>(),
            0_usize,
            VERSION,
        )
    }
}

#[test]
fn the_unit_has_the_capabilities_of_the_table() {
    let units = [
        include_str!("../../../../packaging/tcpreuse-record.service"),
        include_str!("../../../../packaging/tcpreuse-serve.service"),
    ];
    let table: Vec<String> = NEEDS.iter().map(|need| need.capability.to_string()).collect();
    for setting in ["AmbientCapabilities=", "CapabilityBoundingSet="] {
        for unit in units {
            let lines: Vec<&str> = unit
                .lines()
                .filter_map(|line| line.strip_prefix(setting))
                .collect();
            assert_eq!(lines, [table.join(" ")], "{setting}");
        }
    }
}

#[test]
fn what_is_lacking_is_one_line() {
    let all: CapsHashSet = NEEDS.iter().map(|need| need.capability).collect();
    assert_eq!(lacking(&all, false), None);
    let only_needed = [Capability::CAP_BPF, Capability::CAP_PERFMON].into();
    let line = lacking(&only_needed, false).unwrap();
    assert_eq!(
        line,
        "without CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, this will be unknown: connections already \
         open in other network namespaces; which processes of other users hold sockets"
    );
    assert!(!lacking(&only_needed, true).unwrap().contains("namespaces"));
}

#[test]
fn no_role_may_run_a_program_or_load_one_into_the_kernel() {
    let here = tempfile::tempdir().unwrap();
    let refused = (-1, Some(libc::EPERM));
    for role in [
        Role::Tracing,
        Role::Serving,
        showing(here.path()),
        reading(here.path()),
    ] {
        let (executed, loaded) = having_given_up(&role, || {
            let said = |result| (result, io::Error::last_os_error().raw_os_error());
            // SAFETY: the kernel does not access our memory; without the filter this fails with EFAULT.
            let executed = said(unsafe { libc::syscall(libc::SYS_execve, 0, 0, 0) });
            const BPF_PROG_LOAD: i64 = 5;
            // SAFETY: likewise, with E2BIG or EINVAL.
            let loaded = said(unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, 0, 0) });
            (executed, loaded)
        });
        assert_eq!((executed, loaded), (refused, refused), "{role:?}");
    }
}

#[test]
fn only_tracing_may_use_maps_and_enter_namespaces() {
    const BPF_MAP_GET_NEXT_ID: i64 = 12;
    let asks = || {
        // SAFETY: no memory is passed to the kernel.
        unsafe { libc::syscall(libc::SYS_bpf, BPF_MAP_GET_NEXT_ID, std::ptr::null::<u8>(), 0) };
        let bpf = io::Error::last_os_error().raw_os_error();
        // SAFETY: the file descriptor does not exist.
        unsafe { libc::syscall(libc::SYS_setns, -1, 0) };
        (bpf, io::Error::last_os_error().raw_os_error())
    };
    let here = tempfile::tempdir().unwrap();
    let refused = (Some(libc::EPERM), Some(libc::EPERM));
    assert_eq!(having_given_up(&showing(here.path()), asks), refused);
    assert_eq!(having_given_up(&reading(here.path()), asks), refused);
    assert_eq!(having_given_up(&Role::Tracing, asks).1, Some(libc::EBADF));
}

#[test]
fn a_reader_opens_nothing_but_its_recordings() {
    if !has_landlock() {
        return;
    }
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("file");
    fs::write(&file, "x").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (own, write, other, connect) = having_given_up(&reading(here.path()), || {
        (
            kind(fs::read(&file)),
            kind(fs::write(&file, "y")),
            kind(fs::read("/etc/passwd")),
            kind(TcpStream::connect(address)),
        )
    });
    assert_eq!((own, write, other), (None, DENIED, DENIED));
    // Rules for connections were added in the fourth version.
    if landlock_abi() >= 4 {
        assert_eq!(connect, DENIED);
    }
}

#[test]
fn a_server_answers_and_opens_nothing_of_others() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = thread::spawn(move || TcpStream::connect(address).unwrap());
    let (accepted, own, other, connect) = having_given_up(&Role::Serving, || {
        (
            kind(listener.accept()),
            kind(fs::read("/proc/self/stat")),
            kind(fs::read("/etc/passwd")),
            kind(TcpStream::connect(address)),
        )
    });
    client.join().unwrap();
    assert_eq!((accepted, own), (None, None));
    if has_landlock() {
        assert_eq!(other, DENIED);
    }
    if landlock_abi() >= 4 {
        assert_eq!(connect, DENIED);
    }
}

#[test]
fn what_is_shown_is_written_below_one_place() {
    if !has_landlock() {
        return;
    }
    let (here, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (inside, outside, read) = having_given_up(&showing(here.path()), || {
        (
            kind(fs::write(here.path().join("new"), "x")),
            kind(fs::write(elsewhere.path().join("new"), "x")),
            kind(fs::read("/etc/passwd")),
        )
    });
    assert_eq!((inside, outside, read), (None, DENIED, None));
}

#[test]
fn an_export_writes_to_its_directory_only() {
    if !has_landlock() {
        return;
    }
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(from.path().join("rows"), "x").unwrap();
    let role = Role::Exporting {
        files: vec![from.path().to_owned()],
        writes: to.path().to_owned(),
    };
    let below = to.path().join("a/b");
    let found = having_given_up(&role, || {
        (
            fs::read(from.path().join("rows")).ok(),
            kind(fs::write(from.path().join("other"), "x")),
            kind(fs::create_dir_all(&below)),
            kind(fs::write(below.join("new"), "x")),
            kind(fs::rename(below.join("new"), below.join("file"))),
            kind(fs::read("/etc/passwd")),
        )
    });
    assert_eq!(found, (Some(b"x".to_vec()), DENIED, None, None, None, DENIED));
}
