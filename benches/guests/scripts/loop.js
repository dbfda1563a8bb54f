// Integers alone, which shows what a loop around a `switch` costs.
{
    let sum = 0;
    for (let n = 0; n < 300000; n++) sum = (sum * 31 + n) | 0;
    sum
}
