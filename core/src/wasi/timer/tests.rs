//! Which calls of `poll_oneoff` are lone timers, and what is left in memory.

use super::Timer;

fn memory() -> Vec<u8> {
    let mut memory = vec![0; 256];
    memory[24..32].copy_from_slice(&77_u64.to_le_bytes());
    memory
}

#[test]
fn only_a_lone_relative_timer_is_one() {
    let memory = memory();
    let read = |memory: &[u8], subs, count| {
        Timer::read(memory, subs, 64, count, 128).map(|timer| timer.nanos)
    };
    assert_eq!(read(&memory, 0, 1), Some(77));
    assert_eq!(read(&memory, 0, 0), None);
    assert_eq!(read(&memory, 0, 2), None);
    assert_eq!(read(&memory, 208, 1), Some(0));
    assert_eq!(read(&memory, 209, 1), None, "it does not end in the memory");
    assert_eq!(read(&memory, u32::MAX, 1), None);
    let changed = |place: usize, value: u8| {
        let mut memory = memory.clone();
        memory[place] = value;
        memory
    };
    assert_eq!(read(&changed(40, 1), 0, 1), None, "an absolute time");
    assert_eq!(read(&changed(8, 1), 0, 1), None, "a descriptor");
}

#[test]
fn the_time_comes_back_unless_the_answer_is_there() {
    for (events, size, comes_back) in [
        (64, 128, true),
        (32, 128, true),
        (0, 128, false),
        (31, 128, false),
        (64, 28, false),
        (64, 20, true),
        (u32::MAX, u32::MAX, true),
    ] {
        let mut memory = memory();
        let timer = Timer::read(&memory, 0, events, 1, size).expect("it is a timer");
        timer.ring(&mut memory);
        assert_eq!(memory[24..32], [0; 8]);
        timer.restore(&mut memory);
        assert_eq!(memory[24] == 77, comes_back, "{events} {size}");
    }
}
