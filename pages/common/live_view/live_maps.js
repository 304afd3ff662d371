// What the live view asks of a label map: which clusters it has, how large they are, where they meet, what overlaps them.
// Pure functions; packing.py puts this file before live_view.js, so that both are one module.
// A map is {labels: Uint8Array (h * w), w, h}; what is asked of it is computed once and kept with it.

const ELSEWHERE = 255; // stands for every cluster that is not selected

// Undoes packing.packed_maps: every map is stored as its difference to the one before.
function unpacked(bytes, [n, h, w]) {
  const size = h * w;
  for (let i = size; i < bytes.length; i++) bytes[i] += bytes[i - size];
  return Array.from({ length: n }, (_, i) => ({ labels: bytes.subarray(i * size, (i + 1) * size), w, h, paths: new Map() }));
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function labelAt({ labels, w, h }, x, y) {
  const at = (share, n) => Math.min(n - 1, Math.max(0, Math.floor(share * n)));
  return labels[at(y, h) * w + at(x, w)];
}

// Per cluster: its share of the pixels, and its number of 4-connected regions.
function factsOf(map) {
  return (map.facts ??= { areas: areas(map), regions: regions(map) });
}

function areas({ labels }) {
  const counts = new Uint32Array(256);
  for (let i = 0; i < labels.length; i++) counts[labels[i]]++;
  return Float64Array.from(counts, (count) => count / labels.length);
}

function regions({ labels, w, h }) {
  const parent = new Int32Array(labels.length);
  const counts = new Uint32Array(256);
  for (let y = 0, i = 0; y < h; y++) {
    for (let x = 0; x < w; x++, i++) {
      const left = x > 0 && labels[i] === labels[i - 1];
      const above = y > 0 && labels[i] === labels[i - w];
      parent[i] = left ? parent[i - 1] : above ? parent[i - w] : i;
      if (!left && !above) counts[labels[i]]++;
      if (left && above && parent[i] !== parent[i - w] && joined(parent, i, i - w)) counts[labels[i]]--;
    }
  }
  return counts;
}

// Per cluster, the mean colour of the photo that lies below it.
function groundsOf(map, photo, name) {
  if (map.groundsOf === name && photo.complete) return map.grounds;
  const { labels, w, h } = map;
  const context = Object.assign(document.createElement("canvas"), { width: w, height: h }).getContext("2d");
  context.drawImage(photo, 0, 0, w, h);
  const { data } = context.getImageData(0, 0, w, h);
  const sums = Array.from({ length: 256 }, () => [0, 0, 0, 0]);
  for (let i = 0; i < labels.length; i++) {
    const sum = sums[labels[i]];
    for (let c = 0; c < 3; c++) sum[c] += data[4 * i + c];
    sum[3]++;
  }
  map.grounds = sums.map(([red, green, blue, n]) => [red, green, blue].map((total) => (n ? total / n : 128)));
  map.groundsOf = name;
  return map.grounds;
}

function rootOf(parent, i) {
  while (parent[i] !== i) i = parent[i] = parent[parent[i]];
  return i;
}

function joined(parent, i, j) {
  const [a, b] = [rootOf(parent, i), rootOf(parent, j)];
  parent[Math.max(a, b)] = Math.min(a, b);
  return a !== b;
}

// How the pixels of a cluster of one map are spread over the clusters of another one of the same photo:
//   within  share of the cluster that lies in each cluster of the other map;  covered  share of each of those that it covers;
//   inside  per pixel of the other map, whether it covers that one
function overlap(map, cluster, other) {
  const hits = new Uint32Array(256);
  const inside = new Uint8Array(other.labels.length);
  const columns = Int32Array.from({ length: other.w }, (_, x) => nearest(x, other.w, map.w));
  for (let y = 0, i = 0; y < other.h; y++) {
    const row = nearest(y, other.h, map.h) * map.w;
    for (let x = 0; x < other.w; x++, i++) {
      if (map.labels[row + columns[x]] === cluster) (inside[i] = 1), hits[other.labels[i]]++;
    }
  }
  const total = hits.reduce((sum, n) => sum + n, 0);
  const sizes = factsOf(other).areas;
  return {
    inside,
    within: Float64Array.from(hits, (n) => (total ? n / total : 0)),
    covered: Float64Array.from(hits, (n, label) => (n ? n / (sizes[label] * other.labels.length) : 0)),
  };
}

// The same for a map of another photo in which a cluster means the same: it covers its own kind, nothing else.
function sameCluster(cluster, other) {
  const none = new Float64Array(256);
  return { inside: Uint8Array.from(other.labels, (label) => label === cluster), within: none, covered: none };
}

function nearest(i, n, nOther) {
  return Math.floor(((2 * i + 1) * nOther) / (2 * n));
}

// The lines along which clusters meet, as one path in pixels of the map; with a selection, only those around its clusters.
function outline(map, selected = []) {
  const key = selected.join();
  if (!map.paths.has(key)) map.paths.set(key, pathOf(contours(selected.length ? masked(map, selected) : map.labels, map.w, map.h)));
  return map.paths.get(key);
}

function masked({ labels }, selected) {
  const becomes = new Uint8Array(256).fill(ELSEWHERE);
  for (const label of selected) becomes[label] = label;
  return labels.map((label) => becomes[label]);
}

function pathOf(chains) {
  const path = new Path2D();
  for (const { points, closed } of chains) {
    path.moveTo(points[0], points[1]);
    for (let i = 2; i < points.length; i += 2) path.lineTo(points[i], points[i + 1]);
    if (closed) path.closePath();
  }
  return path;
}

// Follows the edges between pixels of different labels from corner to corner. A chain runs through the middles of its edges,
// which turns staircases into slopes, and ends where three clusters meet or the photo ends.
function contours(labels, w, h) {
  const edges = edgesOf(labels, w, h);
  const chains = [];
  for (let y = 0, corner = 0; y <= h; y++) {
    for (let x = 0; x <= w; x++, corner++) {
      if (!edges.isEnd[corner]) continue;
      for (let d = 0; d < 4; d++) if (edges.has(x, y, d)) chains.push(chainFrom(edges, x, y, d, [x, y]));
    }
  }
  for (let y = 0; y < h; y++) {
    for (let x = 1; x < w; x++) if (edges.has(x, y, DOWN)) chains.push(chainFrom(edges, x, y, DOWN, []));
  }
  return chains;
}

const [RIGHT, DOWN, LEFT, UP] = [0, 1, 2, 3];

function edgesOf(labels, w, h) {
  const stride = w + 1;
  const [right, down, degree] = [0, 1, 2].map(() => new Uint8Array(stride * (h + 1))); // edges that leave a corner
  for (let y = 0, i = 0; y < h; y++) {
    for (let x = 0, corner = y * stride; x < w; x++, i++, corner++) {
      if (x > 0 && labels[i] !== labels[i - 1]) (down[corner] = 1), degree[corner]++, degree[corner + stride]++;
      if (y > 0 && labels[i] !== labels[i - w]) (right[corner] = 1), degree[corner]++, degree[corner + 1]++;
    }
  }
  const slot = (x, y, d) => [d === RIGHT || d === LEFT ? right : down, y * stride + x - (d === LEFT ? 1 : d === UP ? stride : 0)];
  return {
    isEnd: degree.map((n) => n !== 0 && n !== 2),
    stride,
    has(x, y, d) {
      if ((d === LEFT && x === 0) || (d === UP && y === 0)) return false;
      const [side, at] = slot(x, y, d);
      return side[at] === 1;
    },
    take(x, y, d) {
      const [side, at] = slot(x, y, d);
      side[at] = 0;
    },
  };
}

function chainFrom(edges, x, y, d, points) {
  const isOpen = points.length > 0;
  for (;;) {
    edges.take(x, y, d);
    const [dx, dy] = [(d === RIGHT) - (d === LEFT), (d === DOWN) - (d === UP)];
    extend(points, x + dx / 2, y + dy / 2);
    (x += dx), (y += dy);
    if (edges.isEnd[y * edges.stride + x]) {
      extend(points, x, y);
      return { points, closed: false };
    }
    d = [RIGHT, DOWN, LEFT, UP].find((next) => edges.has(x, y, next));
    if (d === undefined) return { points, closed: !isOpen };
  }
}

function extend(points, x, y) {
  const n = points.length;
  const [ax, ay, bx, by] = [points[n - 2] - points[n - 4], points[n - 1] - points[n - 3], x - points[n - 2], y - points[n - 1]];
  if (n >= 4 && ax * by === ay * bx) (points[n - 2] = x), (points[n - 1] = y);
  else points.push(x, y);
}
