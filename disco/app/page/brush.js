// A mask that is painted: greys on a canvas, black stays and white is drawn anew; a tinted copy lies over the picture.

const MOST_UNDO = 20;

export class Brush {
  /** width, height: of the mask in pixels; size and hardness of the brush are set from outside. */
  constructor(width, height) {
    this.mask = Object.assign(document.createElement("canvas"), { width, height });
    this.over = Object.assign(document.createElement("canvas"), { width, height });
    this.context = this.mask.getContext("2d", { willReadFrequently: true });
    this.tinted = this.over.getContext("2d");
    this.size = Math.max(4, Math.round(Math.max(width, height) / 8));
    this.hardness = 0.8;
    this.erases = false;
    this.tint = [80, 110, 255];
    this.before = [];
    this.after = [];
    this.fill("black");
  }

  fill(colour) {
    this.context.globalCompositeOperation = "source-over";
    this.context.fillStyle = colour;
    this.context.fillRect(0, 0, this.mask.width, this.mask.height);
    this.show(0, 0, this.mask.width, this.mask.height);
  }

  // Painting

  /** Remember the mask as it is, before it changes. */
  keep() {
    this.before.push(this.all());
    if (this.before.length > MOST_UNDO) this.before.shift();
    this.after = [];
  }

  all() {
    return this.context.getImageData(0, 0, this.mask.width, this.mask.height);
  }

  dab(x, y) {
    const radius = this.size / 2, [inner, outer] = this.erases ? ["black", "white"] : ["white", "black"];
    const shade = this.context.createRadialGradient(x, y, radius * Math.min(this.hardness, 0.98), x, y, radius);
    shade.addColorStop(0, inner);
    shade.addColorStop(1, outer);
    // The lighter or the darker of both, so that going over a place twice does not harden a soft edge.
    this.context.globalCompositeOperation = this.erases ? "darken" : "lighten";
    this.context.fillStyle = shade;
    this.context.beginPath();
    this.context.arc(x, y, radius, 0, 2 * Math.PI);
    this.context.fill();
    this.show(x - radius - 1, y - radius - 1, this.size + 2, this.size + 2);
  }

  line([fromX, fromY], [toX, toY]) {
    const length = Math.hypot(toX - fromX, toY - fromY), count = Math.max(1, Math.ceil(length / Math.max(1, this.size / 8)));
    for (let index = 1; index <= count; index += 1) {
      this.dab(fromX + ((toX - fromX) * index) / count, fromY + ((toY - fromY) * index) / count);
    }
  }

  invert() {
    this.keep();
    this.context.globalCompositeOperation = "difference";
    this.context.fillStyle = "white";
    this.context.fillRect(0, 0, this.mask.width, this.mask.height);
    this.show(0, 0, this.mask.width, this.mask.height);
  }

  clear() {
    this.keep();
    this.fill("black");
  }

  undo() {
    this.swap(this.before, this.after);
  }

  redo() {
    this.swap(this.after, this.before);
  }

  swap(from, to) {
    const image = from.pop();
    if (!image) return;
    to.push(this.all());
    this.context.putImageData(image, 0, 0);
    this.show(0, 0, this.mask.width, this.mask.height);
  }

  // Seeing

  /** Tint what is white in a part of the mask. */
  show(x, y, width, height) {
    const left = Math.max(0, Math.floor(x)), top = Math.max(0, Math.floor(y));
    const right = Math.min(this.mask.width, Math.ceil(x + width)), bottom = Math.min(this.mask.height, Math.ceil(y + height));
    if (right <= left || bottom <= top) return;
    const image = this.context.getImageData(left, top, right - left, bottom - top);
    for (let index = 0; index < image.data.length; index += 4) {
      const grey = image.data[index];
      [image.data[index], image.data[index + 1], image.data[index + 2]] = this.tint;
      image.data[index + 3] = grey * 0.62;
    }
    this.tinted.putImageData(image, left, top);
  }

  /** How much of the mask is drawn anew, from 0 to 1. */
  share() {
    const { data } = this.all();
    let sum = 0;
    for (let index = 0; index < data.length; index += 4) sum += data[index];
    return sum / (255 * (data.length / 4));
  }

  blob() {
    return new Promise((resolve) => this.mask.toBlob(resolve, "image/png"));
  }
}
