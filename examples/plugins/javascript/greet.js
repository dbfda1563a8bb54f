function greet() {
  Host.outputString(`Hello, ${Host.inputString()}!`);
}

module.exports = { greet };
