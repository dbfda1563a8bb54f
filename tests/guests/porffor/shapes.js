// Areas of shapes: classes, closures, and errors that are thrown through several functions and caught.
class Shape {
  constructor(width) {
    if (width < 0) throw new RangeError('negative');
    this.width = width;
  }
}
const areas = { square: s => s.width * s.width, line: s => { throw new TypeError('a line has no area'); } };
const area = (name, width) => areas[name](new Shape(width));
const tried = (name, width) => {
  try {
    return area(name, width).toString();
  } catch (error) {
    return error.name + ': ' + error.message;
  }
};
for (const [name, width] of [['square', 7], ['square', -1], ['line', 3], ['circle', 1]]) console.log(tried(name, width));
throw new Error('at the end');
