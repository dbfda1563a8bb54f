//! What files cost a guest: `wasi/case/engine`. The peer is the same program under the interface of
//! wasmtime itself, with its own WASI. An id never changes its meaning.

use std::{collections::BTreeMap, fs, path::Path};

use criterion::{BenchmarkId, Criterion, Throughput};
use polyextism::{Choice, Manifest, Options, Plugin, Wasi};
use wasmtime::{Engine, Instance, Linker, Module, Store, TypedFunc};
use wasmtime_wasi::{
    FsPerms, WasiCtxBuilder,
    p1::{WasiP1Ctx, add_to_linker_sync},
};

const GUEST: &str = include_str!("../../guests/wasi.wat");
/// The guest's functions, and the cases that they are.
const CASES: [(&str, &str); 2] = [("write", "write-64m"), ("read", "read-64m")];

/// An empty folder for the file.
fn folder(name: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name.replace(':', "-"));
    _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the folder can be made");
    folder.to_str().expect("the path is plain").to_owned()
}

fn plugin(engine: &Choice, folder: &str) -> Plugin {
    let mut manifest = Manifest::of(GUEST.as_bytes());
    manifest.allowed_paths = Some(BTreeMap::from([(folder.to_owned(), "/".to_owned())]));
    let options = Options::default().with_wasi(Wasi::default());
    let compiled = engine.compile(&manifest, &options);
    Plugin::new(&compiled.expect("the guest compiles")).expect("it can be instantiated")
}

/// The guest under wasmtime's own interface.
struct Peer {
    store: Store<WasiP1Ctx>,
    instance: Instance,
}

impl Peer {
    fn new(folder: &str) -> Self {
        let engine = Engine::default();
        let wasm = wat::parse_str(GUEST).expect("the text is fine");
        let module = Module::new(&engine, wasm).expect("the guest compiles");
        let mut linker = Linker::new(&engine);
        add_to_linker_sync(&mut linker, |context| context).expect("nothing else is there");
        let mut builder = WasiCtxBuilder::new();
        builder.allow_blocking_current_thread(true);
        let preopened = builder.preopened_dir(folder, "/", FsPerms::ReadWrite);
        preopened.expect("the folder is there");
        let mut store = Store::new(&engine, builder.build_p1());
        // As its command line does.
        store.set_hostcall_fuel(usize::MAX);
        let instance = linker.instantiate(&mut store, &module);
        let instance = instance.expect("the guest can be instantiated");
        Self { store, instance }
    }

    fn function(&mut self, name: &str) -> TypedFunc<(), ()> {
        let function = self.instance.get_typed_func(&mut self.store, name);
        function.expect("the guest has it")
    }
}

/// Files of 64 MiB, written and read.
pub(crate) fn files(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wasi");
    group
        .throughput(Throughput::Bytes(64 << 20))
        .sample_size(10);
    for engine in polyextism::engines() {
        let folder = folder(&format!("bench-{}", engine.name()));
        let mut plugin = plugin(&engine, &folder);
        for (function, case) in CASES {
            let function = plugin.function(function).expect("the guest has it");
            group.bench_function(BenchmarkId::new(case, engine.name()), |bencher| {
                bencher.iter(|| {
                    let output = plugin.call_function(function, b"");
                    output.map(<[u8]>::len).expect("the file can be used")
                });
            });
        }
        fs::remove_dir_all(folder).expect("it is ours");
    }
    let folder = folder("bench-peer");
    let mut peer = Peer::new(&folder);
    for (function, case) in CASES {
        let function = peer.function(function);
        group.bench_function(BenchmarkId::new(case, "peer"), |bencher| {
            bencher.iter(|| {
                function
                    .call(&mut peer.store, ())
                    .expect("the file can be used")
            });
        });
    }
    fs::remove_dir_all(folder).expect("it is ours");
    group.finish();
}
