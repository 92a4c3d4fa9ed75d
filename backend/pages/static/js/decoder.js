// 从画面里读出二维码：浏览器自带的 BarcodeDetector 优先，没有就用本服务器上的 zxing（WebAssembly）。

const ZXING = "/static/vendor/zxing/";
let choosing = null;

async function native() {
  if (!("BarcodeDetector" in globalThis)) return null;
  const formats = await BarcodeDetector.getSupportedFormats().catch(() => []);
  if (!formats.includes("qr_code")) return null;
  const detector = new BarcodeDetector({ formats: ["qr_code"] });
  return async (image) => (await detector.detect(image)).map((found) => found.rawValue);
}

async function zxing() {
  const { prepareZXingModule, readBarcodes } = await import(`${ZXING}reader/index.js`);
  await prepareZXingModule({ overrides: { locateFile: (file) => `${ZXING}${file}` }, fireImmediately: true });
  return async (image) =>
    (await readBarcodes(image, { formats: ["QRCode"], tryHarder: true, maxNumberOfSymbols: 4 })).map(
      (found) => found.text,
    );
}

function decoder() {
  choosing ??= native().then((own) => own ?? zxing());
  return choosing;
}

// 先把解码器备好：断网以后就取不到了。
export const ready = () =>
  decoder().then(
    () => true,
    () => false,
  );

const canvas = document.createElement("canvas");

function pixels(source, width, height) {
  const scale = Math.min(1, 1600 / Math.max(width, height));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff"; // 透明底的图片也要读得出
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

export async function decodeFile(file) {
  const bitmap = await createImageBitmap(file);
  try {
    return (await (await decoder())(pixels(bitmap, bitmap.width, bitmap.height)))[0] ?? null;
  } finally {
    bitmap.close();
  }
}

export async function decodeVideo(video) {
  if (!video.videoWidth) return null;
  return (await (await decoder())(pixels(video, video.videoWidth, video.videoHeight)))[0] ?? null;
}
