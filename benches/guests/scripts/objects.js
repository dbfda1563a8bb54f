// Classes, closures, a map and a regular expression.
{
    class Account {
        constructor(name) { this.name = name; this.balance = 0; }
        add(amount) { this.balance += amount; return this; }
    }
    class Savings extends Account {
        add(amount) { return super.add(amount + 1); }
    }
    const accounts = new Map();
    for (let n = 0; n < 20000; n++) {
        const name = "a" + n % 97;
        if (!accounts.has(name)) accounts.set(name, n % 2 ? new Savings(name) : new Account(name));
        accounts.get(name).add(n % 13);
    }
    const list = [...accounts.values()].filter(one => /^a\d[1-7]?$/.test(one.name)).map(one => one.balance);
    list.reduce((sum, one) => sum + one, 0)
}
