export * from "./events.js";
export { Follower, follow, type ConnectOptions, type FollowOptions } from "./follower.js";
export type { StorageLike } from "./cursor.js";
