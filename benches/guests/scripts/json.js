// Strings and objects, made and read.
{
    const some = Array.from({ length: 300 }, (_, n) => ({ id: n, name: "name " + n, tags: [n % 7, n % 11, null] }));
    let text = JSON.stringify(some);
    for (let turn = 0; turn < 8; turn++) text = JSON.stringify(JSON.parse(text).map(one => ({ ...one, id: one.id + 1 })));
    text.length + ":" + JSON.parse(text)[299].id
}
