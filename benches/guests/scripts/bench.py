# Objects, strings, lists and long integers.
class Tree:
    def __init__(self, depth):
        self.left, self.right = (Tree(depth - 1), Tree(depth - 1)) if depth else (None, None)
    def count(self):
        return 1 + (self.left.count() + self.right.count() if self.left else 0)

words = {}
for n in range(30000):
    word = f'word {n * 7919 % 1009}'
    words[word] = words.get(word, 0) + n
total = sum(value * len(word) for word, value in sorted(words.items()))
squares = [x * x % 7 for x in range(60000) if x & 3]
print(total, sum(squares), Tree(11).count(), 3 ** 1000 % 1000007)
