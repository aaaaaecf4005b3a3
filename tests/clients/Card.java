// Card.java: Java's SunPKCS11 signs, verifies, decrypts, agrees with the keys of a card. Card CONF PIN
// SPDX-License-Identifier: 0BSD
import java.security.*;
import java.security.cert.X509Certificate;
import java.util.*;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;

class Card {
    public static void main(String[] a) throws Exception {
        Provider p = Security.getProvider("SunPKCS11").configure(a[0]);
        Security.addProvider(p);
        KeyStore store = KeyStore.getInstance("PKCS11", p);
        store.load(null, a[1].toCharArray());
        int done = 0, agreed = 0;
        for (String name : Collections.list(store.aliases())) {
            PrivateKey key = (PrivateKey) store.getKey(name, null);
            X509Certificate c = (X509Certificate) store.getCertificate(name);
            if (!key.getAlgorithm().equals("RSA") && c.getKeyUsage() != null && c.getKeyUsage()[4]) {
                agree(p, key, c.getPublicKey());
                agreed++;
            }
            if (!c.getSubjectX500Principal().getName().startsWith("CN=user")) continue;
            boolean rsa = key.getAlgorithm().equals("RSA");
            String[] how = rsa ? new String[] { "SHA256withRSA", "SHA512withRSA", "RSASSA-PSS" }
                               : new String[] { "SHA256withECDSA", "SHA384withECDSA" };
            for (String h : how) {
                Signature s = Signature.getInstance(h, p);
                if (h.equals("RSASSA-PSS"))
                    s.setParameter(new java.security.spec.PSSParameterSpec("SHA-256", "MGF1",
                        java.security.spec.MGF1ParameterSpec.SHA256, 32, 1));
                byte[] text = new byte[100000];
                s.initSign(key);
                for (int i = 0; i < text.length; i += 10000) s.update(text, i, 10000);
                byte[] signature = s.sign();
                Signature v = Signature.getInstance(h);
                if (h.equals("RSASSA-PSS")) v.setParameter(s.getParameters().getParameterSpec(
                    java.security.spec.PSSParameterSpec.class));
                v.initVerify(c);
                v.update(text);
                if (!v.verify(signature)) throw new Exception(h + " does not verify");
                done++;
            }
            if (!rsa) continue;
            Cipher e = Cipher.getInstance("RSA/ECB/PKCS1Padding", "SunJCE");
            e.init(Cipher.ENCRYPT_MODE, c.getPublicKey());
            Cipher d = Cipher.getInstance("RSA/ECB/PKCS1Padding", p);
            d.init(Cipher.DECRYPT_MODE, key);
            if (!new String(d.doFinal(e.doFinal("secret".getBytes()))).equals("secret"))
                throw new Exception("does not decrypt");
        }
        System.out.println(done + " signatures, " + agreed + " agreements");
        System.exit(done >= 2 ? 0 : 1);
    }

    // Both sides of Diffie-Hellman, the other one by Java itself: the card's secret is readable, and the same.
    static void agree(Provider p, PrivateKey key, PublicKey ofCard) throws Exception {
        KeyPairGenerator g = KeyPairGenerator.getInstance("EC", "SunEC");
        g.initialize(((java.security.interfaces.ECKey) ofCard).getParams());
        KeyPair own = g.generateKeyPair();
        KeyAgreement card = KeyAgreement.getInstance("ECDH", p), host = KeyAgreement.getInstance("ECDH", "SunEC");
        card.init(key);
        card.doPhase(own.getPublic(), true);
        host.init(own.getPrivate());
        host.doPhase(ofCard, true);
        if (!Arrays.equals(card.generateSecret(), host.generateSecret())) throw new Exception("does not agree");
    }
}
