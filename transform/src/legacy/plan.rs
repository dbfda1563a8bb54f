//! The translation of each `try` of a function.
//!
//! It reads functions and writes nothing. Of modules it knows only the types.

use std::collections::HashMap;

use wasm_encoder::{BlockType, reencode};
use wasmparser::{FunctionBody, Operator};

use super::{Reference, Types};

/// The translations of the `try`s of a function.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// By the position of the `try`.
    pub(super) tries: HashMap<usize, Try>,
    /// By the position of a `try_table` of the module: the block that is the target of delegation, if there is one.
    pub(super) tables: HashMap<usize, BlockType>,
    /// Whether a `try` delegates to the caller past handlers.
    pub(super) delegates_out: bool,
    /// The most exceptions that are stored at a time for a `rethrow`.
    pub(super) kept: u32,
}

/// The translation of a `try`.
#[derive(Debug)]
pub(super) enum Try {
    /// A block: exceptions propagate anyway.
    Block,
    /// A `try_table` that passes every exception to the end of the body of another `try`, or of the function.
    Delegating(Target),
    /// A `try_table` with handlers.
    Handling(Handling),
}

/// A target of delegation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The `try`, or the `try_table` of the module, at this position.
    Body(usize),
    Caller,
}

#[derive(Debug)]
pub(super) struct Handling {
    /// The tag of each handler; `None` handles all exceptions.
    pub(super) tags: Vec<Option<u32>>,
    /// The types of the blocks that end where the handlers begin.
    pub(super) blocks: Vec<BlockType>,
    /// The type of the block that is the target of delegation, if there is one.
    pub(super) delegated: Option<BlockType>,
    /// Whether the handlers take a reference, for a `rethrow`.
    pub(super) reference: Reference,
    /// The index of the stored reference.
    pub(super) place: u32,
}

/// An open block.
struct Frame {
    position: usize,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A block, a loop, an `if`.
    Plain,
    /// A `try_table` of the module.
    Table,
    /// The body of a `try`.
    Body,
    /// A handler of a `try`.
    Handler,
}

/// A `try` that was read.
struct Read {
    ty: wasmparser::BlockType,
    tags: Vec<Option<u32>>,
    /// The number of enclosing ones.
    place: u32,
    reference: Reference,
    /// Its target of delegation; `None` if exceptions get there anyway.
    delegates: Option<Target>,
}

impl Plan {
    /// Reads a function.
    pub(super) fn read(
        body: &FunctionBody<'_>,
        types: &mut Types<'_>,
    ) -> Result<Self, reencode::Error> {
        let mut tries: HashMap<usize, Read> = HashMap::new();
        let mut tables = HashMap::new();
        let mut targets = Vec::new();
        let mut frames: Vec<Frame> = Vec::new();
        let mut plan = Self::default();
        let mut reader = body.get_operators_reader()?;
        let mut position = 0;
        while !reader.eof() {
            match reader.read()? {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => frames
                    .push(Frame {
                        position,
                        kind: Kind::Plain,
                    }),
                Operator::TryTable { try_table } => {
                    tables.insert(position, try_table.ty);
                    frames.push(Frame {
                        position,
                        kind: Kind::Table,
                    });
                }
                Operator::Try { blockty } => {
                    let around = frames
                        .iter()
                        .filter(|frame| tries.contains_key(&frame.position));
                    let read = Read {
                        ty: blockty,
                        tags: Vec::new(),
                        place: around.count() as u32,
                        reference: Reference::Left,
                        delegates: None,
                    };
                    tries.insert(position, read);
                    frames.push(Frame {
                        position,
                        kind: Kind::Body,
                    });
                }
                catches @ (Operator::Catch { .. } | Operator::CatchAll) => {
                    let frame = frames.last_mut().expect("a handler is inside of its `try`");
                    frame.kind = Kind::Handler;
                    let own = tries.get_mut(&frame.position).expect("it was put there");
                    own.tags.push(match catches {
                        Operator::Catch { tag_index } => Some(tag_index),
                        _ => None,
                    });
                }
                Operator::Rethrow { relative_depth } => {
                    let frame = &frames[frames.len() - 1 - relative_depth as usize];
                    let caught = tries
                        .get_mut(&frame.position)
                        .expect("a `rethrow` names a `try`");
                    caught.reference = Reference::Taken;
                    plan.kept = plan.kept.max(caught.place + 1);
                }
                Operator::Delegate { relative_depth } => {
                    let own = frames.pop().expect("a `delegate` ends its `try`");
                    let target = target(&frames, relative_depth as usize);
                    match target {
                        Some(Target::Body(other)) => targets.push(other),
                        Some(Target::Caller) => plan.delegates_out = true,
                        None => {}
                    }
                    tries
                        .get_mut(&own.position)
                        .expect("it was put there")
                        .delegates = target;
                }
                Operator::End => _ = frames.pop(),
                _ => {}
            }
            position += 1;
        }
        for (position, read) in tries {
            let is_target = targets.contains(&position);
            plan.tries.insert(position, read.becomes(is_target, types)?);
        }
        for (position, ty) in tables {
            if let Some(block) = delegated(targets.contains(&position), ty, types)? {
                plan.tables.insert(position, block);
            }
        }
        Ok(plan)
    }

    /// Whether the function stays unchanged.
    pub(super) fn is_nothing(&self) -> bool {
        self.tries.is_empty()
    }
}

impl Read {
    fn becomes(self, is_target: bool, types: &mut Types<'_>) -> Result<Try, reencode::Error> {
        if let Some(target) = self.delegates {
            return Ok(Try::Delegating(target));
        }
        if self.tags.is_empty() && !is_target {
            return Ok(Try::Block);
        }
        let blocks = self
            .tags
            .iter()
            .map(|tag| types.handler(self.ty, *tag, self.reference));
        Ok(Try::Handling(Handling {
            blocks: blocks.collect::<Result<_, _>>()?,
            tags: self.tags,
            delegated: delegated(is_target, self.ty, types)?,
            reference: self.reference,
            place: self.place,
        }))
    }
}

/// The block that is the target of delegation.
fn delegated(
    is_target: bool,
    ty: wasmparser::BlockType,
    types: &mut Types<'_>,
) -> Result<Option<BlockType>, reencode::Error> {
    match is_target {
        true => types.handler(ty, None, Reference::Taken).map(Some),
        false => Ok(None),
    }
}

fn handles(frame: &Frame) -> bool {
    matches!(frame.kind, Kind::Body | Kind::Table)
}

/// The target of delegation of a `try` inside of `frames`, if other handlers are in between.
fn target(frames: &[Frame], depth: usize) -> Option<Target> {
    // A frame without handlers means the enclosing one.
    let reached = frames.len().saturating_sub(depth);
    let position = frames[..reached].iter().rposition(handles);
    let between = &frames[position.map_or(0, |position| position + 1)..];
    between.iter().any(handles).then_some(match position {
        Some(position) => Target::Body(frames[position].position),
        None => Target::Caller,
    })
}
