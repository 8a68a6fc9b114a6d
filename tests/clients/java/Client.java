import io.socket.client.IO;
import io.socket.client.Socket;
import java.net.URI;
import java.util.Iterator;
import java.util.Map;
import org.json.JSONObject;

/** The application of a Java client, for run.mjs: URL TOKEN SESSION TRANSPORT. Prints what its handlers see. */
public class Client {
    static void handle(String event, JSONObject body) throws Exception {
        System.out.println("event " + body.getString("requestId"));
    }

    static void load(String program) {
        System.out.println("load " + program);
    }

    static void drop(String program) {
        System.out.println("drop " + program);
    }

    static void loadAll() {
        System.out.println("load all");
    }

    // docs/recovery.md shows what follows, down to the end of connect().
    static String epoch = "";
    static long latest = 0;

    /** An id is `epoch.number`, and within an epoch the numbers rise. */
    static boolean isRepeat(String id) {
        int dot = id.indexOf('.');
        String idEpoch = id.substring(0, dot);
        long number = Long.parseLong(id.substring(dot + 1));
        if (idEpoch.equals(epoch) && number <= latest) return true;
        epoch = idEpoch;
        latest = number;
        return false;
    }

    static void onEvent(Object... args) throws Exception {
        String event = (String) args[0];
        JSONObject body = (JSONObject) args[1];
        if (event.equals("catchup")) {
            JSONObject programs = body.getJSONObject("programs");
            for (Iterator<?> names = programs.keys(); names.hasNext();) {
                String program = (String) names.next();
                String verdict = programs.getString(program);
                if (verdict.equals("left")) drop(program);
                else if (!verdict.equals("recovered")) load(program);
            }
            boolean others = !body.optString("others", "recovered").equals("recovered");
            if (others || body.optBoolean("changed")) loadAll();
        } else if (args.length < 3 || !isRepeat((String) args[2])) {
            handle(event, body);
        }
    }

    static Socket connect(String url, String token, String session, String transport) {
        IO.Options options = IO.Options.builder()
            .setAuth(Map.of("token", token, "session", session))
            .setTransports(new String[] {transport})
            .setReconnectionDelay(50)
            .setReconnectionDelayMax(500)
            .build();
        Socket socket = IO.socket(URI.create(url), options);
        socket.onAnyIncoming(args -> {
            try {
                onEvent(args);
            } catch (Exception error) {
                throw new IllegalArgumentException(error);
            }
        });
        return socket.connect();
    }

    public static void main(String[] args) {
        Socket socket = connect(args[0], args[1], args[2], args[3]);
        socket.on(Socket.EVENT_CONNECT, none -> System.out.println("connect"));
    }
}
