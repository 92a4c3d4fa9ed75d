// 摄像头：一直看，看到一个码就交出去。

import { Problem } from "./api.js";
import { decodeVideo } from "./decoder.js";
import { h } from "./dom.js";

const EVERY_MS = 180;

export class Camera {
  static async open(box, found) {
    const self = new Camera();
    try {
      self.stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment", width: { ideal: 1280 } },
        audio: false,
      });
    } catch (error) {
      const why =
        { NotAllowedError: "没有得到使用摄像头的许可", NotFoundError: "这台设备没有摄像头" }[error.name] ??
        "摄像头打不开";
      throw new Problem({ title: why, detail: "可以选一张二维码图片，或输入码上的文字。" }, 0);
    }
    self.video = h("video", { muted: true, autoplay: true, playsInline: true, "aria-label": "摄像头画面" });
    self.video.srcObject = self.stream;
    box.replaceChildren(self.video);
    self.timer = setInterval(() => self.look(found), EVERY_MS);
    return self;
  }

  async look(found) {
    if (this.looking) return;
    this.looking = true;
    try {
      const text = await decodeVideo(this.video);
      if (text && this.timer) found(text);
    } finally {
      this.looking = false;
    }
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.stream.getTracks().forEach((track) => track.stop());
    this.video.remove();
  }
}
