//! Buffers over blocks of plug-in memory, for one host call.
//!
//! Guest memory can move and go away while Python objects live on, so no Python object points into it. A buffer has a
//! copy that Python owns, which is written back when the host function returns. Code that reads the block before that
//! has it written back first.
//!
//! Invariants: all buffers of a block share one copy; a freed block is not written to; after the host call the buffers
//! are released, so that a late write is an error. No Python code runs under the lock.

use std::{
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use polyextism::Caller;
use pyo3::{
    intern,
    prelude::*,
    types::{PyByteArray, PyMemoryView, PySlice},
};

use crate::{bytes, value::Memory};

/// How many bytes of a copy are written back at once.
const PIECE: usize = 1 << 20;

/// The buffers of one host call.
#[derive(Default)]
pub(crate) struct Views {
    views: Mutex<Vec<View>>,
    /// Whether there ever was a buffer. Most host calls open none, and so need not take the lock.
    used: AtomicBool,
}

/// A buffer and its copy.
struct View {
    offset: u64,
    copy: Py<PyByteArray>,
    buffer: Py<PyMemoryView>,
}

impl Views {
    /// A buffer over a block. It is not longer than the block.
    pub(crate) fn open<'py>(
        &self,
        py: Python<'py>,
        mut caller: Caller<'_>,
        block: &Memory,
    ) -> PyResult<Bound<'py, PyMemoryView>> {
        let copy = match self.copy(py, block.offset) {
            Some(copy) => copy,
            None => bytes::array(py, caller.read(block.offset))?,
        };
        let whole = PyMemoryView::from(copy.as_any())?;
        let end = isize::try_from(block.length).unwrap_or(isize::MAX);
        let part = whole.get_item(PySlice::new(py, 0, end, 1))?;
        let buffer = part.cast_into::<PyMemoryView>()?;
        self.used.store(true, Ordering::Relaxed);
        self.lock().push(View {
            offset: block.offset,
            copy: copy.unbind(),
            buffer: buffer.clone().unbind(),
        });
        Ok(buffer)
    }

    /// Writes back the block at `offset`, if there is a buffer over it.
    pub(crate) fn write_back(&self, py: Python<'_>, mut caller: Caller<'_>, offset: u64) {
        if let Some(copy) = self.copy(py, offset) {
            store(&mut caller, offset, &copy);
        }
    }

    /// Releases the buffers over the block at `offset` without writing them back.
    pub(crate) fn forget(&self, py: Python<'_>, offset: u64) {
        let mut views = self.lock();
        let (gone, rest) = mem::take(&mut *views)
            .into_iter()
            .partition(|view| view.offset == offset);
        *views = rest;
        drop(views);
        release(py, gone);
    }

    /// Writes back all blocks and releases the buffers.
    pub(crate) fn finish(&self, py: Python<'_>, mut caller: Caller<'_>) {
        self.used.store(false, Ordering::Relaxed);
        let views = mem::take(&mut *self.lock());
        for view in &views {
            store(&mut caller, view.offset, view.copy.bind(py));
        }
        release(py, views);
    }

    /// Whether there was no buffer since all were released.
    pub(crate) fn is_empty(&self) -> bool {
        !self.used.load(Ordering::Relaxed)
    }

    fn copy<'py>(&self, py: Python<'py>, offset: u64) -> Option<Bound<'py, PyByteArray>> {
        let views = self.lock();
        let view = views.iter().find(|view| view.offset == offset);
        view.map(|view| view.copy.bind(py).clone())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<View>> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn store(caller: &mut Caller<'_>, offset: u64, copy: &Bound<'_, PyByteArray>) {
    // The lengths are equal: blocks do not change theirs, and buffers pin that of the copy.
    for (position, to) in caller.read_mut(offset).chunks_mut(PIECE).enumerate() {
        let start = (position * PIECE) as isize;
        let piece = PySlice::new(copy.py(), start, start + to.len() as isize, 1);
        // A slice of a `bytearray` is a `bytearray`.
        let piece = copy.get_item(piece).ok();
        let piece = piece.and_then(|piece| piece.cast_into::<PyByteArray>().ok());
        for (to, from) in to
            .iter_mut()
            .zip(piece.map(|p| p.to_vec()).unwrap_or_default())
        {
            *to = from;
        }
    }
}

fn release(py: Python<'_>, views: Vec<View>) {
    for view in views {
        let buffer = view.buffer.bind(py);
        // It cannot be done while something else exports it. That keeps a copy, and no more.
        let _ = buffer.call_method0(intern!(py, "release"));
    }
}
