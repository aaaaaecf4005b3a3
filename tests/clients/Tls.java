// Tls.java: Java's TLS client proves itself with a key of a card; prints the page. Tls CONF PIN VERSION PORT
// SPDX-License-Identifier: 0BSD
import java.io.*;
import java.security.*;
import java.security.cert.X509Certificate;
import javax.net.ssl.*;

class Tls {
    public static void main(String[] a) throws Exception {
        Provider p = Security.getProvider("SunPKCS11").configure(a[0]);
        Security.addProvider(p);
        KeyStore store = KeyStore.getInstance("PKCS11", p);
        store.load(null, a[1].toCharArray());
        KeyManagerFactory keys = KeyManagerFactory.getInstance("NewSunX509");
        keys.init(new KeyStoreBuilderParameters(KeyStore.Builder.newInstance(store,
            new KeyStore.PasswordProtection(a[1].toCharArray()))));
        TrustManager all = new X509TrustManager() {     // the server is not what is tested
            public void checkClientTrusted(X509Certificate[] c, String t) {}
            public void checkServerTrusted(X509Certificate[] c, String t) {}
            public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
        };
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(keys.getKeyManagers(), new TrustManager[] { all }, null);
        SSLSocket s = (SSLSocket) tls.getSocketFactory().createSocket("127.0.0.1", Integer.parseInt(a[3]));
        s.setEnabledProtocols(new String[] { a[2] });
        s.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes());
        BufferedReader in = new BufferedReader(new InputStreamReader(s.getInputStream()));
        for (String line; (line = in.readLine()) != null; ) System.out.println(line);
    }
}
