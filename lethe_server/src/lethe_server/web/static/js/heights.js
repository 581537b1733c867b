// Heights of the rows of a long list: sums and look-ups in logarithmic time (a Fenwick tree).

/** Heights of `count` rows; each begins with an estimate and is set once it was measured. */
export class Heights {
  /**
   * @param {number} count
   * @param {(index: number) => number} estimate in pixels
   */
  constructor(count, estimate) {
    this.count = count;
    this.values = new Float64Array(count);
    this.tree = new Float64Array(count + 1);
    for (let index = 0; index < count; index += 1) this.values[index] = estimate(index);
    for (let index = 1; index <= count; index += 1) {
      this.tree[index] += this.values[index - 1];
      const parent = index + (index & -index);
      if (parent <= count) this.tree[parent] += this.tree[index];
    }
  }

  /** Set a height; return by how much it changed. */
  set(index, value) {
    const change = value - this.values[index];
    if (change === 0) return 0;
    this.values[index] = value;
    for (let place = index + 1; place <= this.count; place += place & -place) {
      this.tree[place] += change;
    }
    return change;
  }

  /** The sum of the heights before a row: where it begins. */
  top(index) {
    let sum = 0;
    for (let place = Math.min(index, this.count); place > 0; place -= place & -place) {
      sum += this.tree[place];
    }
    return sum;
  }

  /** The sum of all. */
  get total() {
    return this.top(this.count);
  }

  /** The row that lies at a distance from the beginning. */
  find(distance) {
    let place = 0;
    let left = distance;
    let step = 1 << Math.floor(Math.log2(Math.max(this.count, 1)));
    for (; step > 0; step >>= 1) {
      const next = place + step;
      if (next <= this.count && this.tree[next] <= left) {
        place = next;
        left -= this.tree[next];
      }
    }
    return Math.max(0, Math.min(place, this.count - 1));
  }
}
