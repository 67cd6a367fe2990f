import completion from './completion';
import connection from './connection';

export { IConnection } from './connection/tokens';

export default [completion, connection];
