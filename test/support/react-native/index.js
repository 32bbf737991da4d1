/** As on the native side: https://github.com/react-native-async-storage/async-storage, `RNCAsyncStorage`. */
const values = new Map();

const later = (callback, ...results) => setTimeout(callback, 0, ...results);

const RNCAsyncStorage = {
  multiGet: (keys, callback) =>
    later(
      callback,
      null,
      keys.map((key) => [key, values.get(key) ?? null]),
    ),
  multiSet(pairs, callback) {
    for (const [key, value] of pairs) values.set(key, value);
    later(callback, null);
  },
  multiRemove(keys, callback) {
    for (const key of keys) values.delete(key);
    later(callback, null);
  },
};

module.exports = {
  NativeModules: { RNCAsyncStorage },
  TurboModuleRegistry: { get: (name) => (name === "RNCAsyncStorage" ? RNCAsyncStorage : null) },
};
