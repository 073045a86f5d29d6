//! The processes of several hosts, whose numbers mean nothing elsewhere: those of one name are taken for one.

use std::collections::BTreeMap;

use hashbrown::HashMap;

/// Names of processes, each with the number that it has on the first host with such a process.
#[derive(Debug, Default)]
pub(super) struct Names {
    pids: HashMap<String, u32>,
    names: BTreeMap<u32, String>,
}

impl Names {
    /// Adds those of a host. Returns by which numbers they are known here.
    pub(super) fn take(&mut self, names: &BTreeMap<u32, String>) -> HashMap<u32, u32> {
        let mut known = HashMap::with_capacity(names.len());
        for (pid, name) in names {
            let here = match self.pids.get(name) {
                Some(here) => *here,
                None => {
                    // No process has such a number as those that are given from the top.
                    let is_free = |number: &u32| !self.names.contains_key(number);
                    let here = std::iter::once(*pid)
                        .chain((0..u32::MAX).rev())
                        .find(is_free)
                        .unwrap_or(*pid);
                    self.names.insert(here, name.clone());
                    self.pids.insert(name.clone(), here);
                    here
                }
            };
            known.insert(*pid, here);
        }
        known
    }

    pub(super) fn all(self) -> BTreeMap<u32, String> {
        self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_one_name_are_one_and_others_stay_apart() {
        let of = |all: &[(u32, &str)]| all.iter().map(|(pid, name)| (*pid, (*name).to_owned())).collect();
        let mut names = Names::default();
        names.take(&of(&[(7, "httpd"), (8, "nginx")]));
        let second = names.take(&of(&[(9, "httpd"), (8, "java")]));
        assert_eq!(second[&9], 7);
        let all = names.all();
        assert_eq!(all.len(), 3);
        assert_eq!(all[&second[&8]], "java");
    }
}
