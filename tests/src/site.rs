//! The place that a guest tries to break out of: allowed folders, secrets beside them, and links that
//! lead from the ones to the others. It knows no engine.

use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::{Path, PathBuf},
};

use polyextism::{Choice, Wasi};

use crate::wasi::{Arg::N, Guest, folder};

/// A folder with `secret` and `outside/` in it, and the folders `rw` and `ro` that a guest gets as
/// descriptors 3 (`ro`) and 4 (`rw`).
pub struct Site(pub PathBuf);

impl Site {
    /// A site of its own for a test and an engine.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn new(root: &Path, test: &str, choice: &Choice) -> Self {
        let name = format!("{test}-{}", choice.name().replace(':', "-"));
        let root = PathBuf::from(folder(root, &name));
        fs::write(root.join("secret"), "secret").expect("the site can be made");
        for folder in ["outside", "rw", "rw/sub", "ro", "ro/sub"] {
            fs::create_dir(root.join(folder)).expect("the site can be made");
        }
        for file in ["outside/file", "rw/file", "ro/file", "ro/sub/file"] {
            fs::write(root.join(file), "content").expect("the site can be made");
        }
        for place in ["rw", "ro"] {
            let at = |name: &str| root.join(place).join(name);
            let links = [
                ("../secret", "link"),
                ("../outside", "folder-link"),
                ("/etc/passwd", "absolute-link"),
                ("/", "root-link"),
                ("/proc/self/root", "proc-link"),
                ("file", "inner-link"),
                ("loop-b", "loop-a"),
                ("loop-a", "loop-b"),
            ];
            for (target, name) in links {
                symlink(target, at(name)).expect("the site can be made");
            }
        }
        Self(root)
    }

    /// A guest that has the two folders.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn guest(&self, choice: &Choice) -> Guest {
        let (ro, rw) = (self.path("ro"), self.path("rw"));
        // The manifest's order is that of the keys: `/…` comes before `ro:…`.
        let paths = [(rw.as_str(), "/rw"), (&format!("ro:{ro}"), "/ro")];
        let mut guest = Guest::new(choice, Wasi::default(), &paths);
        for (descriptor, name) in [(RW, "/rw"), (RO, "/ro")] {
            let name = (name.as_bytes(), [N(descriptor), N(0), N(3)]);
            let answer = guest.call("fd_prestat_dir_name", &name.1);
            assert_eq!(&answer.memory[..3], name.0);
        }
        guest
    }

    /// The path of a name in it, as text.
    ///
    /// # Panics
    /// If it is not UTF-8.
    pub fn path(&self, name: &str) -> String {
        self.0
            .join(name)
            .to_str()
            .expect("the path is plain")
            .to_owned()
    }

    /// Names, kinds, links, times and contents of everything in a folder, without following links.
    ///
    /// # Panics
    /// If something cannot be read.
    pub fn look(&self, name: &str) -> Vec<String> {
        let mut seen = Vec::new();
        let mut folders = vec![self.0.join(name)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("the folder can be read") {
                let path = entry.expect("the folder can be read").path();
                let data = fs::symlink_metadata(&path).expect("it is there");
                let content = match data.is_file() {
                    true => fs::read(&path).expect("it can be read"),
                    false => Vec::new(),
                };
                seen.push(format!(
                    "{path:?} {:?} {} {} {content:?}",
                    data.file_type(),
                    data.nlink(),
                    data.mtime()
                ));
                if data.is_dir() {
                    folders.push(path);
                }
            }
        }
        seen.sort();
        seen
    }
}

/// The descriptor of the folder `rw`.
pub const RW: i64 = 3;
/// The descriptor of the folder `ro`, which is read-only.
pub const RO: i64 = 4;
