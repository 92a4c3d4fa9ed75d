// 本机的小仓库（IndexedDB）：设备钥匙（不可导出）和待上传的放行记录。关掉页面也不会丢。

const NAME = "xinyi-venue";
let opening = null;

function open() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("device");
      request.result.createObjectStore("admissions", { keyPath: "id" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opening;
}

// 写入以事务完成为准：返回之后才算记下。
async function within(store, mode, act) {
  const transaction = (await open()).transaction(store, mode, { durability: "strict" });
  const request = act(transaction.objectStore(store));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error);
  });
}

export const device = {
  get: () => within("device", "readonly", (store) => store.get("own")),
  put: (value) => within("device", "readwrite", (store) => store.put(value, "own")),
  forget: () => within("device", "readwrite", (store) => store.delete("own")),
};

// 正在登记的：没有收到答复时，用同一把钥匙重发，得到同一台设备。
export const pending = {
  get: () => within("device", "readonly", (store) => store.get("pending")),
  put: (value) => within("device", "readwrite", (store) => store.put(value, "pending")),
  forget: () => within("device", "readwrite", (store) => store.delete("pending")),
};

export const admissions = {
  all: () => within("admissions", "readonly", (store) => store.getAll()),
  put: (row) => within("admissions", "readwrite", (store) => store.put(row)),
  forget: (id) => within("admissions", "readwrite", (store) => store.delete(id)),
};
