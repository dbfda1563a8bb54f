//! Who may have written what the compile cache takes for code, and what happens where nobody can write.

#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
};

use polyextism::{BACKENDS, Cache, CachePlace, Choice, backend::Backend};
use polyextism_tests::cached::{
    Cached,
    Expected::{Exactly, Nothing},
    alone, engines, expect, files, options, single,
};

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).expect("it is there").mode() & 0o7777
}

fn set_mode(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode can be set");
}

#[test]
fn only_the_owner_can_read_and_write() {
    let _alone = alone();
    let choice = &engines()[0];
    let cached = Cached::default();
    expect(&cached, choice, Exactly(1), "cold");
    assert_eq!(mode(&cached.folder()), 0o700);
    for file in cached.files() {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

/// A folder that others can write holds nothing that is trusted, and gets nothing.
#[test]
fn folders_that_others_can_write_are_not_used() {
    let _alone = alone();
    let choice = &engines()[0];
    for bits in [0o722, 0o702, 0o720, 0o777, 0o1777] {
        let cached = Cached::default();
        expect(&cached, choice, Exactly(1), "cold");
        set_mode(&cached.folder(), bits);
        expect(&cached, choice, Exactly(1), &format!("{bits:o}"));
        set_mode(&cached.folder(), 0o700);
        expect(&cached, choice, Nothing, "good again");
        for file in cached.files() {
            set_mode(&file, bits & 0o777);
            expect(
                &cached,
                choice,
                Exactly(1),
                &format!("a file with {bits:o}"),
            );
        }
        expect(&cached, choice, Nothing, "replaced");
    }
}

#[test]
fn links_are_not_followed() {
    let _alone = alone();
    let choice = &engines()[0];
    let cached = Cached::default();
    expect(&cached, choice, Exactly(1), "cold");
    let elsewhere = cached.home.path().join("elsewhere");
    fs::rename(cached.folder(), &elsewhere).expect("it can be moved");
    symlink(&elsewhere, cached.folder()).expect("a link can be made");
    expect(&cached, choice, Exactly(1), "a link to a folder");
    fs::remove_file(cached.folder()).expect("the link is there");
    fs::rename(&elsewhere, cached.folder()).expect("it can be moved");
    expect(&cached, choice, Nothing, "the folder itself");
    for file in cached.files() {
        let elsewhere = cached.home.path().join("file");
        fs::rename(&file, &elsewhere).expect("it can be moved");
        symlink(&elsewhere, &file).expect("a link can be made");
        expect(&cached, choice, Exactly(1), "a link to a file");
        assert!(
            !fs::symlink_metadata(&file)
                .expect("it is there")
                .is_symlink()
        );
    }
}

#[test]
fn what_is_no_file_does_no_harm() {
    let _alone = alone();
    let choice = &engines()[0];
    let cached = Cached::default();
    expect(&cached, choice, Exactly(1), "cold");
    let file = cached.files().remove(0);
    fs::remove_file(&file).expect("it is there");
    let pipe = std::process::Command::new("mkfifo").arg(&file).status();
    assert!(pipe.expect("mkfifo runs").success());
    expect(&cached, choice, Exactly(1), "a pipe");
    fs::remove_file(&file).expect("it is there");
    fs::create_dir(&file).expect("a folder can be made");
    expect(&cached, choice, Exactly(1), "a folder");
    expect(&cached, choice, Exactly(1), "a folder that is still there");
    assert!(cached.files().iter().all(|path| path.extension().is_none()));
}

#[test]
fn places_that_cannot_be_written_are_no_errors() {
    let _alone = alone();
    let choice = &engines()[0];
    let cached = Cached::default();
    let file = cached.home.path().join("file");
    fs::write(&file, "x").expect("it can be written");
    // Not even root can make folders in the last two.
    for place in [
        file.clone(),
        file.join("below"),
        "/proc/cache".into(),
        "/dev/null/x".into(),
    ] {
        let options = options().with_cache(Cache::from(CachePlace::Folder(place.clone())));
        for _ in 0..2 {
            let made = choice.compile(&single(), &options);
            let made = made.unwrap_or_else(|error| panic!("{}: {error}", place.display()));
            assert_eq!(made.newly_compiled(), 1, "{}", place.display());
        }
    }
    assert_eq!(files(cached.home.path()), [file]);
}

#[test]
fn folders_that_cannot_be_written_are_read() {
    let _alone = alone();
    let choice = &engines()[0];
    let cached = Cached::default();
    expect(&cached, choice, Exactly(1), "cold");
    set_mode(&cached.folder(), 0o500);
    expect(&cached, choice, Nothing, "warm");
    set_mode(&cached.folder(), 0o700);
}

/// Only root can give files away, and root is what can be fooled by the files of others.
#[test]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn what_belongs_to_others_is_not_used() {
    let _alone = alone();
    let choice = &engines()[0];
    let cached = Cached::default();
    expect(&cached, choice, Exactly(1), "cold");
    let give = |path: &std::path::Path, user| std::os::unix::fs::chown(path, Some(user), None);
    let own = fs::metadata(cached.folder()).expect("it is there").uid();
    if give(&cached.folder(), 12345).is_err() {
        println!("not tested: this user cannot give files away");
        return;
    }
    expect(&cached, choice, Exactly(1), "a foreign folder");
    give(&cached.folder(), own).expect("as before");
    for file in cached.files() {
        give(&file, 12345).expect("as before");
        expect(&cached, choice, Exactly(1), "a foreign file");
    }
    expect(&cached, choice, Nothing, "replaced");
}

/// Code that another engine, or another state of a backend, has made is not taken.
#[test]
fn code_of_another_backend_is_compiled_again() {
    let _alone = alone();
    for (position, backend) in BACKENDS.iter().enumerate() {
        assert!(backend.sources.len() >= 16, "{}", backend.name);
        for other in &BACKENDS[position + 1..] {
            assert_ne!(backend.sources, other.sources, "{}", other.name);
        }
    }
    for choice in engines() {
        let backend = *choice.backend();
        let changed = [
            backend,
            Backend {
                version: "another",
                ..backend
            },
            Backend {
                sources: "others",
                ..backend
            },
        ];
        let states = Choice::all(Vec::from(changed).leak());
        let states = states.filter(|state| state.compiler().name == choice.compiler().name);
        let states: Vec<_> = states.collect();
        let cached = Cached::default();
        for (kept, state) in states.iter().enumerate() {
            expect(&cached, state, Exactly(1), "of another backend");
            assert_eq!(cached.files().len(), kept + 1, "{choice:?}");
        }
        for state in states {
            expect(&cached, &state, Nothing, "of its own");
        }
    }
}
