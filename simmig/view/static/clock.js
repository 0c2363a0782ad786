// The time that all runs of the page share: playing, speed, the slider, the keys.

const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600];
const SHOWING_S = 90; // about how long a run plays at first,
const FASTEST_AT_FIRST = 10; // unless copies of seconds would be over before they are seen
const LONGEST_STEP_S = 0.1; // of the viewer's time: a page that was hidden does not leap

class Clock {
  constructor(endS, onMove) {
    Object.assign(this, { endS, onMove, timeS: 0, isPlaying: false });
    this.slider = document.getElementById("time");
    this.playButton = document.getElementById("play");
    this.speedField = document.getElementById("speed");
    this.nowText = document.getElementById("now");
    this.slider.max = String(endS);
    this.speedField.replaceChildren(...SPEEDS.map((speed) => new Option(`×${speed}`, String(speed))));
    this.speed = SPEEDS.findLast((speed) => speed <= Math.min(Math.max(endS / SHOWING_S, SPEEDS[0]), FASTEST_AT_FIRST));
    this.speedField.value = String(this.speed);
    this.slider.addEventListener("input", () => this.moveTo(Number(this.slider.value)));
    this.playButton.addEventListener("click", () => this.toggle());
    this.speedField.addEventListener("change", () => { this.speed = Number(this.speedField.value); });
  }

  // Moves to a time, which the slider need not be able to say exactly.
  moveTo(timeS) {
    this.timeS = Math.min(Math.max(timeS, 0), this.endS);
    this.onMove();
  }

  tell() {
    const text = `${moment(this.timeS, this.endS)} of ${moment(this.endS, this.endS)}`;
    this.nowText.textContent = text;
    this.slider.value = String(this.timeS);
    this.slider.setAttribute("aria-valuetext", text);
  }

  toggle() {
    this.isPlaying = !this.isPlaying;
    if (this.isPlaying && this.timeS >= this.endS) this.timeS = 0;
    this.playButton.textContent = this.isPlaying ? "❚❚" : "▶";
    this.playButton.setAttribute("aria-label", this.isPlaying ? "Pause" : "Play");
    this.lastMs = undefined;
    this.onMove();
  }

  // One frame at this time of the viewer, in milliseconds.
  tick(nowMs) {
    if (!this.isPlaying) return;
    const passedS = this.lastMs === undefined ? 0 : Math.min((nowMs - this.lastMs) / 1000, LONGEST_STEP_S);
    this.lastMs = nowMs;
    this.timeS = Math.min(this.timeS + passedS * this.speed, this.endS);
    if (this.timeS >= this.endS) this.toggle();
  }

  changeSpeed(step) {
    const index = Math.min(Math.max(SPEEDS.indexOf(this.speed) + step, 0), SPEEDS.length - 1);
    this.speed = SPEEDS[index];
    this.speedField.value = String(this.speed);
  }
}
