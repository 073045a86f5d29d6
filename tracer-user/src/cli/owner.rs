//! `--owner`: a user by name, by number, or the one who ran sudo.

use std::env;

use super::Owner;
use crate::{
    exit::Failure,
    kernel::privileges::{User, become_user},
};

/// The user who ran sudo.
const AUTO: &str = "auto";

impl Owner {
    /// Becomes the user, if one is named. To be called before anything is opened and before there are
    /// other threads.
    ///
    /// # Errors
    /// When there is no such user, or only root may become it.
    pub fn take_over(&self) -> Result<(), Failure> {
        let Some(name) = &self.name else { return Ok(()) };
        let user = user(name, |variable| env::var(variable).ok())
            .map_err(|reason| Failure::Usage(format!("invalid value for '--owner': {reason}")))?;
        let Some(user) = user else { return Ok(()) };
        become_user(user).map_err(|error| {
            Failure::Usage(format!(
                "cannot become user {} with group {}: {error}; run as root (sudo tcpreuse …), or leave out --owner",
                user.uid, user.gid
            ))
        })
    }
}

/// The user meant; `None` when that is who we are already.
fn user(name: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Option<User>, String> {
    if name == AUTO {
        let (uid, gid) = (variable("SUDO_UID"), variable("SUDO_GID"));
        return match (uid, gid) {
            (None, None) => Ok(None),
            (Some(uid), Some(gid)) => numbers(&uid, &gid).map(Some).ok_or_else(|| {
                "SUDO_UID and SUDO_GID are not the numbers of a user and a group; name the user instead"
                    .to_owned()
            }),
            _ => Err("only one of SUDO_UID and SUDO_GID is set; name the user instead".to_owned()),
        };
    }
    if let Some((uid, gid)) = name.split_once(':') {
        let numbers = numbers(uid, gid).ok_or("a user and a group are written like 1000:1000")?;
        return Ok(Some(numbers));
    }
    match nix::unistd::User::from_name(name) {
        Ok(Some(found)) => Ok(Some(User {
            uid: found.uid.as_raw(),
            gid: found.gid.as_raw(),
        })),
        Ok(None) => Err("there is no such user here; numbers work too, like 1000:1000".to_owned()),
        Err(error) => Err(format!("cannot read the users of this machine: {error}")),
    }
}

/// Neither may be -1, which the kernel takes for "as it is".
fn numbers(uid: &str, gid: &str) -> Option<User> {
    let number = |text: &str| text.parse().ok().filter(|number| *number != u32::MAX);
    Some(User {
        uid: number(uid)?,
        gid: number(gid)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn names_and_numbers() {
        let root = User { uid: 0, gid: 0 };
        assert_eq!(user("root", none), Ok(Some(root)));
        assert_eq!(user("1000:100", none), Ok(Some(User { uid: 1000, gid: 100 })));
        for bad in [
            "",
            ":",
            "1000:",
            ":5",
            "-1:0",
            "4294967295:0",
            "4294967296:0",
            "a:b",
            "no-such-user",
            "1:2:3",
        ] {
            assert!(user(bad, none).is_err(), "{bad}");
        }
    }

    #[test]
    fn auto_is_who_called_sudo() {
        let sudo = |uid: &'static str, gid: &'static str| {
            move |name: &str| match name {
                "SUDO_UID" => Some(uid.to_owned()),
                "SUDO_GID" => Some(gid.to_owned()),
                _ => None,
            }
        };
        assert_eq!(user("auto", none), Ok(None));
        assert_eq!(
            user("auto", sudo("1000", "100")),
            Ok(Some(User { uid: 1000, gid: 100 }))
        );
        for (uid, gid) in [("", ""), ("root", "0"), ("1000", "-1"), ("99999999999", "0")] {
            assert!(user("auto", sudo(uid, gid)).is_err(), "{uid} {gid}");
        }
        assert!(user("auto", |name| (name == "SUDO_UID").then(|| "1".to_owned())).is_err());
    }
}
